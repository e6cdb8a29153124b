"""Lists and tries the sound cards, in processes of their own.

The supervisor never loads PortAudio.
"""

import sys
from collections.abc import Callable, Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console as RichConsole
from rich.table import Table

from pipeline.audio.levels import Level
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.errors import DeviceError, PipelineError
from pipeline.ipc.processes import ChildProcesses, library_line
from pipeline.ipc.reports import CardHeard, CardTested, Device, Report
from pipeline.pcm import FULL_SCALE
from pipeline.shm.state import SharedState
from pipeline.supervisor.cards import check_files, wanted_cards
from pipeline.supervisor.devices import POLL_S, find_devices
from pipeline.supervisor.recording import Recording
from pipeline.system.signals import signals_end_the_run
from pipeline.system.text import printable

UNUSABLE = 1
"""Exit code of a test whose verdict is not "fine"."""

_METER_CELLS = 40
_WIDE = 400
_SILENT = (
    "silent: only digital silence came from the microphone. Unmute it, let this program use it in "
    "the system's privacy settings, or choose another with --input."
)
_NO_CARD = "No sound card found: give both --input and --output a .wav file."


def list_devices(settings: Settings) -> int:
    """Print the sound cards that settings can name."""
    console = Console(verbose=settings.verbose)
    with ChildProcesses(console.say) as children:
        found = find_devices(children, settings.verbose, console.show_report)
    if found:
        out = RichConsole(markup=False, highlight=False, emoji=False)
        if not out.is_terminal:
            out.width = _WIDE  # a device stays on one line
        out.print(device_table(found))
    else:
        console.say(_NO_CARD)
    return 0


def try_devices(settings: Settings) -> int:
    """Record two seconds, play them back, print a verdict, and return the exit code.

    :raises PipelineError: a card cannot be found, opened or run.
    """
    console = Console(verbose=settings.verbose)
    with (
        signals_end_the_run(),
        SharedState.create() as state,
        Recording(console.say) as recording,
        ChildProcesses(console.say) as children,
    ):
        check_files(settings, recording)
        microphone, speaker = wanted_cards(
            settings,
            recording,
            lambda: find_devices(children, settings.verbose, console.show_report),
        )
        if microphone is None or speaker is None:
            raise DeviceError(_NO_CARD)
        click.echo(f"microphone   {printable(microphone.name)}")
        click.echo(f"loudspeaker  {printable(speaker.name)}")
        click.echo("Speak: two seconds are recorded, then played back.")
        children.spawn(
            *("card test", "pipeline.audio.card_test", settings.verbose, state.name),
            microphone,
            speaker,
            may_end=True,
            printed=library_line,
        )
        sentence, code = verdict(_wait_tested(children, console.show_report))
    click.echo(sentence)
    return code


def verdict(level: Level) -> tuple[str, int]:
    """Return what a recording's level means for a person, and the exit code."""
    peak = f"peak {level.dbfs:.0f} dB of full scale"
    if not level.peak:
        return _SILENT, UNUSABLE
    if level.clips:
        return f"clipping ({peak}): turn the microphone down, or move away from it.", UNUSABLE
    if level.very_low:
        return f"very quiet ({peak}): turn the microphone up, or come nearer.", UNUSABLE
    return f"fine ({peak}): if you heard yourself, both devices work.", 0


def device_table(devices: Sequence[Device]) -> Table:
    """Return a row for each device; a star marks a default."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title="* the default", title_style="dim")
    for heading in ("number", "name", "host API"):
        table.add_column(heading, justify="right" if heading == "number" else "left")
    for heading in ("in", "out", "rate\nHz", "latency\nin/out, ms"):
        table.add_column(heading, justify="right")
    for device in devices:
        table.add_row(
            str(device.index),
            printable(device.name),
            printable(device.host_api),
            _channels(device.input_channels, is_default=device.is_default_input),
            _channels(device.output_channels, is_default=device.is_default_output),
            str(device.default_rate_hz),
            f"{_latency(device.input_channels, device.input_latency_ms)}/"
            f"{_latency(device.output_channels, device.output_latency_ms)}",
        )
    return table


def meter(peak: int) -> str:
    """Return a bar for a peak of 0 to 32768, from -60 dB on."""
    level = Level(peak, 0, 1)
    cells = round(max(0.0, 1 + level.dbfs / 60) * _METER_CELLS)
    words = f"{level.dbfs:4.0f} dB" if peak else "silence"
    return f"[{'#' * cells:<{_METER_CELLS}}] {words:<8}"


def _wait_tested(children: ChildProcesses, handle: Callable[[Report], None]) -> Level:
    watched = sys.stdout.isatty()
    while True:
        for report in children.reports(POLL_S):
            if isinstance(report, CardTested):
                return Level(*report)
            if not isinstance(report, CardHeard):
                handle(report)
            elif watched:
                click.echo(f"\r{meter(min(report.peak, FULL_SCALE))}", nl=False)
        if not children.alive:
            raise PipelineError("The test of the devices ended without a result.")


def _channels(count: int, *, is_default: bool) -> str:
    return f"{count}{' *' if is_default else '  '}" if count else ""


def _latency(channels: int, latency_ms: float) -> str:
    return f"{latency_ms:.0f}" if channels else "-"
