"""The command `bench ears`. Imports nothing that is slow, so that `--help` is instant."""

from pathlib import Path
from typing import Any

import click

from pipeline.bench import flags
from pipeline.bench.ears.options import VOICE_TURNS, EarsOptions
from pipeline.config.command import Command, remember_verbose
from pipeline.config.numbers import Number, WholeNumber
from pipeline.config.secrets import take_environment
from pipeline.errors import UsageError
from pipeline.system.signals import interruptible_loading

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  {program} bench ears --quick
  {program} bench ears --speech recordings/ --json ears.json --png ears.png
  {program} bench ears --device
  {program} bench ears --device --input headset --output speakers --no-voice

A run takes 9 minutes, with --quick one. Its last line says what fell short of the budgets.""",
)
@click.option("--quick", is_flag=True, help="Few interruptions, at -12 dB only.")
@click.option(
    "--speech",
    type=_FOLDER,
    help="Folder with recordings of people (.wav, .flac): their phrases interrupt the answers, and "
    "those of up to 8 s with their words beside them (.txt) are spoken whole over one that goes "
    "on. Without them the offline service's voice speaks.",
)
@click.option(
    "--device",
    is_flag=True,
    help="Play through a real loudspeaker into a real microphone; you are asked to speak.",
)
@click.option("--input", metavar="TEXT", help="Real microphone: number or part of its name.")
@click.option("--output", metavar="TEXT", help="Real loudspeaker: number or part of its name.")
@click.option(
    "--turns",
    type=WholeNumber(1, 100),
    default=VOICE_TURNS,
    show_default=True,
    help="With --device: how often you are asked to speak.",
)
@click.option("--no-voice", is_flag=True, help="With --device: nobody is asked to speak.")
@click.option(
    "--seconds",
    type=Number(5, 600),
    default=30.0,
    show_default=True,
    help="With --device: how long answers sound while nobody speaks.",
)
@flags.let_sleep
@flags.seed
@flags.json
@flags.png
@flags.verbose
def ears(verbose: bool, no_voice: bool, turns: int, **given: Any) -> int:  # noqa: ANN401 - checked by click
    """Measure how soon an answer is silent when you speak over it.

    Also false pauses, echo, words, the microphone's delay and cost, beside --ears off. Needs no
    sound card and no network: JACK's dummy card plays, a computed room echoes.
    """
    remember_verbose(verbose=verbose)
    options = EarsOptions(voice_turns=0 if no_voice else turns, **given)
    _check(options)
    with interruptible_loading():
        from pipeline.bench.ears.runner import run as measure

    take_environment()  # the measured program needs no key of the person's
    return measure(options)


def _check(options: EarsOptions) -> None:
    """:raises UsageError: options do not go together."""
    only_real = {"--input": options.input, "--output": options.output}
    only_virtual = {
        "--quick": options.quick,
        "--speech": options.speech,
        "--png": options.png,
        "--let-sleep": options.let_sleep,
    }
    unusable = only_virtual if options.device else only_real
    if given := [flag for flag, value in unusable.items() if value]:
        needed = "without --device" if options.device else "with --device"
        raise UsageError(f"{', '.join(given)} can only be used {needed}.")
    if not options.device and options.voice_turns == 0:
        raise UsageError("--no-voice can only be used with --device.")
