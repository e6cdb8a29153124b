"""The parts that all commands share: loaded settings, messages, and help with examples."""

import inspect
import os
import sys

import click

from pipeline.config.dotenv_file import read_dotenv
from pipeline.config.loader import load
from pipeline.config.secrets import is_secret, take_environment
from pipeline.config.settings import PREFIX, Settings

_VERBOSE = "pipeline.verbose"


class Command(click.Command):
    """A command whose epilog names the program as it was started, where it says ``{program}``."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        if self.epilog:
            epilog = inspect.cleandoc(self.epilog)
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(epilog.replace("{program}", ctx.find_root().command_path))


def load_settings(flags: dict[str, object]) -> Settings:
    """Return the checked settings of `flags`, the environment and .env; show the warnings.

    The keys are taken out of the environment: child processes do not inherit them.

    :raises SettingsError: a value cannot be used.
    """
    remember_verbose(verbose=bool(flags["verbose"]))
    environment = take_environment()
    dotenv, ignored_lines = read_dotenv()
    settings, warnings = load(flags, environment, dotenv)
    remember_verbose(verbose=settings.verbose > 0)
    for sentence in (*ignored_lines, *warnings):
        show("warning", sentence)
    _export_foreign_names(dotenv)
    return settings


def remember_verbose(*, verbose: bool) -> None:
    """Note for the whole command whether an error is shown with its traceback."""
    click.get_current_context().meta[_VERBOSE] = verbose


def is_verbose(ctx: click.Context) -> bool:
    """Whether an error is shown with its traceback."""
    return bool(ctx.meta.get(_VERBOSE))


def show(kind: str, sentence: str) -> None:
    """Write a sentence to standard error; `kind` is "error" or "warning"."""
    click.echo(f"{kind}: {sentence}", file=sys.stderr)


def _export_foreign_names(dotenv: dict[str, str]) -> None:
    """Let libraries see their own names of .env, such as azure-identity's AZURE_TENANT_ID."""
    for name, value in dotenv.items():
        if not name.upper().startswith(PREFIX) and not is_secret(name):
            os.environ.setdefault(name, value)
