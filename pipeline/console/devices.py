"""Shows the sound cards."""

from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Device, Report, event_of
from pipeline.supervisor.devices import find_devices


def list_devices(settings: Settings) -> int:
    """Print the sound cards that settings can name."""
    console = Console(verbose=settings.verbose)
    with ChildProcesses(console.say) as children:

        def show(report: Report) -> None:
            if event := event_of(report):
                console.show(event)

        found = find_devices(children, settings.verbose, show)
    for device in found:
        console.say(_described(device))
    if not found:
        console.say("No sound card found: give --input and --output a .wav file.")
    return 0


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
