"""The command line: finds the command, runs it, says in one sentence what went wrong.

A command's module is imported when the command is named, and what it needs when it runs, so that
`--help` answers at once.
"""

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click

from pipeline import __version__
from pipeline.config.command import Command, is_verbose, show
from pipeline.config.loader import suggestion
from pipeline.errors import PipelineError, UsageError
from pipeline.system.resources import refusal
from pipeline.system.signals import accept_sigint

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended: 128 + SIGINT."""


def main() -> None:
    """Run the command that the program was started with, and exit with its code."""
    accept_sigint()
    codes: list[int] = []
    atexit.register(_end, codes)  # the first to be registered is the last to be called
    codes.append(execute(sys.argv[1:]))
    # An impatient Ctrl-C must not strike what is done at the exit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(codes[0])


def _end(codes: Sequence[int]) -> None:
    """End the process, unless by an error: giving back each object would take 0.1 s."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


def execute(arguments: Sequence[str]) -> int:
    """Run the command in `arguments` and return its exit code; errors go to standard error."""
    try:
        code = cli.main(list(arguments), standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):  # the latter: before the command has begun
        return INTERRUPTED
    except click.ClickException as error:
        show("error", error.format_message())
        return UsageError.exit_code
    return int(code or 0)


def _run() -> click.Command:
    from pipeline.console.cli import run

    return run


def _serve() -> click.Command:
    from pipeline.emulator.cli import serve

    return serve


def _bench() -> click.Command:
    from pipeline.bench.cli import bench

    return bench


def _devices() -> click.Command:
    from pipeline.console.cli import devices

    return devices


def _check() -> click.Command:
    from pipeline.doctor.cli import check

    return check


def _replay() -> click.Command:
    from pipeline.replay.cli import replay

    return replay


_LOADERS: dict[str, Callable[[], click.Command]] = {
    "run": _run,
    "replay": _replay,
    "serve": _serve,
    "bench": _bench,
    "devices": _devices,
    "check": _check,
}


class _Group(Command, click.Group):
    """The commands, loaded by name; turns errors into a sentence, suggests the nearest command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the help."""
        return list(_LOADERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; None if there is none of this name."""
        load = _LOADERS.get(cmd_name)
        return load() if load else None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        """Run the command; an error of the tree becomes its sentence and its exit code."""
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            self._fail(ctx, error)
        except (OSError, MemoryError, RuntimeError) as error:
            refused = refusal(error)
            if refused is None:
                raise
            self._fail(ctx, refused)

    @staticmethod
    def _fail(ctx: click.Context, error: PipelineError) -> NoReturn:
        if is_verbose(ctx):
            traceback.print_exception(error)
        show("error", str(error))
        ctx.exit(error.exit_code)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with."""
        name = args[0]
        if name not in _LOADERS and not name.startswith("-"):
            known = ", ".join(_LOADERS)
            nearest = suggestion(name, _LOADERS)
            raise click.UsageError(f"{name!r} is not a command, expected one of {known}{nearest}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: {program} run --offline",
)
@click.version_option(__version__, prog_name="voice-pipeline")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Talk with Azure Voice Live, and interrupt it at any moment."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(UsageError.exit_code)
