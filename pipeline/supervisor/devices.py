"""Lists the sound cards, in a process of its own: the supervisor never loads PortAudio."""

from collections.abc import Callable

from pipeline.ipc.processes import ChildProcesses, library_line
from pipeline.ipc.reports import Device, DevicesFound, Report

POLL_S = 0.25


def find_devices(
    children: ChildProcesses, verbose: int, handle: Callable[[Report], None]
) -> tuple[Device, ...]:
    """Wait for the list of all sound cards.

    :param handle: takes what the children report meanwhile.
    :raises PipelineError: a child failed.
    """
    children.spawn("probe", "pipeline.audio.probe", verbose, may_end=True, printed=library_line)
    while True:
        for report in children.reports(POLL_S):
            if isinstance(report, DevicesFound):
                return report.devices
            handle(report)
