"""Lists the sound cards, in a process of its own: the supervisor never loads PortAudio."""

from collections.abc import Callable

from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.ipc.processes import ChildProcesses, library_line
from pipeline.ipc.reports import Device, DevicesFound, Report

POLL_S = 0.25


def list_devices(settings: Settings) -> int:
    """Print the sound cards that settings can name."""
    console = Console(verbose=settings.verbose)
    with ChildProcesses(console.say) as children:
        found = find_devices(children, settings.verbose, console.show)
    for device in found:
        console.say(_described(device))
    if not found:
        console.say("No sound card found: give --input and --output a .wav file.")
    return 0


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


def _described(device: Device) -> str:
    directions = [
        f"{channels} {direction}{' (default)' if is_default else ''}"
        for direction, channels, is_default in (
            ("in", device.input_channels, device.is_default_input),
            ("out", device.output_channels, device.is_default_output),
        )
        if channels
    ]
    return f"{device}: {', '.join(directions)}, {device.default_rate_hz} Hz"
