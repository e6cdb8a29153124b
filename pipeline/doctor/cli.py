"""The command `check`. Imports nothing that is slow, so that `--help` is instant."""

import click

from pipeline.config.command import Command, load_settings
from pipeline.config.flags import options_of
from pipeline.config.settings import Settings
from pipeline.system.signals import interruptible_loading

_SETTINGS = (
    "endpoint",
    "api_key",
    "use_api_key",
    "model",
    "voice",
    "input",
    "output",
    "offline",
    "verbose",
    "connect_timeout_s",
)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  {program} check
  {program} check --offline
  {program} check --json

Exit code 1: something keeps a conversation from working.""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of lines.")
@options_of(Settings, only=_SETTINGS)
def check(as_json: bool, **flags: object) -> int:
    """Check everything that a conversation needs; each line says fine or what to do."""
    settings = load_settings(flags)
    with interruptible_loading():
        from pipeline.doctor.check import check as check_all

    return check_all(settings, as_json=as_json)
