"""The sound cards there are, listed by a process that ends then."""

from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Device, DevicesFound

POLL_S = 0.25


def list_devices(settings: Settings) -> int:
    """Print the sound cards that settings can name."""
    console = Console(verbose=settings.verbose)
    with ChildProcesses() as children:
        found = find_devices(children, console, settings.verbose)
    for device in found:
        console.say(_described(device))
    if not found:
        console.say("There is no sound card: give --input and --output a .wav file.")
    return 0


def find_devices(children: ChildProcesses, console: Console, verbose: bool) -> tuple[Device, ...]:
    """Have the sound cards listed by a process that ends then."""
    children.spawn("probe", "pipeline.audio.probe", verbose, may_end=True)
    while children.alive:
        for report in children.reports(POLL_S):
            if isinstance(report, DevicesFound):
                return report.devices
            console.show(report)
    return ()


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
