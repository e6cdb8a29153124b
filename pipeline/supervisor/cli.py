"""The commands `run` and `devices`. Imports nothing that is slow, so that `--help` is instant."""

import click

from pipeline.config.command import Command, load_settings, remember_verbose
from pipeline.config.flags import options_of
from pipeline.config.secrets import take_environment
from pipeline.config.settings import Settings
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
def run(**flags: object) -> int:
    """Hold a conversation: speak, listen, interrupt. Ctrl-C ends it."""
    settings = load_settings(flags)
    with interruptible_loading():
        from pipeline.supervisor.run import run as hold_conversation

    return hold_conversation(settings)


@click.command(cls=Command)
@click.option("--verbose", count=True, help="Also show messages of libraries; twice: all.")
def devices(verbose: int) -> int:
    """List the sound devices that --input and --output can name."""
    remember_verbose(verbose=verbose > 0)
    take_environment()
    with interruptible_loading():
        from pipeline.supervisor.devices import list_devices

    return list_devices(Settings(verbose=verbose))
