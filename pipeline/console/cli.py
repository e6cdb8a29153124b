"""The commands `run` and `devices`. Imports nothing that is slow, so that `--help` is instant."""

import click

from pipeline.config.command import Command, load_settings, remember_verbose
from pipeline.config.flags import options_of
from pipeline.config.secrets import take_environment
from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.system.signals import interruptible_loading


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  {program} run
  {program} run --offline --input question.wav --output answer.wav --overwrite
  {program} run --model gpt-4.1 --voice en-US-Ava:DragonHDLatestNeural
  {program} run --input 2 --output headset --verbose

Each option can also stand in the environment or in .env: --vad-threshold is
AZURE_VOICELIVE_VAD_THRESHOLD there.""",
)
@options_of(Settings)
@click.option(
    "--push-to-talk",
    is_flag=True,
    help="Speak from one press of space to the next, or hold it if the terminal tells releases.",
)
@click.option("--plain", is_flag=True, help="Print lines only, without a panel and keys.")
@click.option("--json-events", is_flag=True, help="Print each event as a line of JSON.")
def run(push_to_talk: bool, plain: bool, json_events: bool, **flags: object) -> int:
    """Hold a conversation: speak, listen, interrupt. Ctrl-C ends it; ? shows the keys."""
    if push_to_talk:
        flags["turn_detection"] = "none"
    settings = load_settings(flags)
    with interruptible_loading():
        from pipeline.console.run import run as hold_conversation

    return hold_conversation(settings, json_events=json_events, plain=plain)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  {program} devices
  {program} devices --test
  {program} devices --test --input 2 --output headset

Exit code of --test: 1 if the microphone is silent, very quiet or clipping.""",
)
@click.option("--test", is_flag=True, help="Record two seconds, play them back, and judge them.")
@click.option("--input", metavar="TEXT", help="Microphone for --test; as for run.")
@click.option("--output", metavar="TEXT", help="Speaker for --test; as for run.")
@click.option("--verbose", count=True, help="Also show messages of libraries; twice: all.")
def devices(test: bool, input: str | None, output: str | None, verbose: int) -> int:  # noqa: A002 - the flag's name
    """List the sound devices that --input and --output can name, or test them."""
    remember_verbose(verbose=verbose > 0)
    if not test and (input or output):
        raise UsageError("--input and --output need --test: the list shows all devices.")
    take_environment()
    with interruptible_loading():
        from pipeline.console.devices import list_devices, try_devices

    settings = Settings(input=input, output=output, verbose=verbose)
    return try_devices(settings) if test else list_devices(settings)
