"""The command line: builds the settings, calls the rest, says in one sentence what went wrong.

What a command needs is imported inside it, so that `--help` answers at once.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline import __version__
from pipeline.bench.scenarios import SCENARIO_NAMES
from pipeline.config.loader import load, read_dotenv, suggestion
from pipeline.config.settings import Option, Settings, options
from pipeline.emulator.server.faults import Faults, from_flags
from pipeline.emulator.server.options import ServeOptions
from pipeline.errors import PipelineError, UsageError
from pipeline.system.signals import interruptible_loading

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended: 128 + SIGINT."""

_PROGRAM = "python -m pipeline"
_VERBOSE = "pipeline.verbose"
_REPLY_KEY = "OFFLINE_REPLY_KEY"
_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def main() -> None:
    """Run the command that the program was started with, and exit with its code."""
    code = execute(sys.argv[1:])
    # An impatient Ctrl-C must not strike what the interpreter does at its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def execute(arguments: Sequence[str]) -> int:
    """Run the command in `arguments` and return its exit code; errors go to standard error."""
    try:
        code = cli.main(list(arguments), prog_name=_PROGRAM, standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        _say("error", error.format_message())
        return UsageError.exit_code
    return int(code or 0)


class _Group(click.Group):
    """A group that turns errors into a sentence and suggests the nearest command."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            if ctx.meta.get(_VERBOSE):
                traceback.print_exception(error)
            _say("error", str(error))
            ctx.exit(error.exit_code)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            known = ", ".join(self.commands)
            nearest = suggestion(name, self.commands)
            raise click.UsageError(f"{name!r} is no command, expected one of {known}{nearest}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: python -m pipeline run --offline",
)
@click.version_option(__version__, prog_name="voice-pipeline")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Talk with Azure Voice Live, and interrupt it at any moment."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(UsageError.exit_code)


def _metavar(option: Option) -> str:
    return {str: "TEXT", int: "INTEGER", float: "NUMBER"}[option.kind]


def _help(option: Option) -> str:
    facts = []
    if option.choices:
        facts.append("one of " + ", ".join(option.choices))
    if option.range:
        facts.append(option.range)
    if option.default is True or (option.default and option.kind is not bool):
        facts.append(f"default: {'on' if option.default is True else option.default}")
    return option.meaning + (f"  [{'; '.join(facts)}]" if facts else "")


def _options_of(declaration: type) -> Callable[[_Command], _Command]:
    """Give a command one option for each setting in `declaration`, in its order."""

    def give(command: _Command) -> _Command:
        for option in reversed(options(declaration)):
            switch = f"/--no-{option.flag[2:]}" if option.kind is bool else ""
            command = click.option(
                option.flag + switch,
                option.name,
                default=None,
                multiple=option.repeatable,
                type=bool if option.kind is bool else str,
                metavar=None if option.kind is bool else _metavar(option),
                help=_help(option),
            )(command)
        return command

    return give


@cli.command(
    epilog="""\b
Examples:
  python -m pipeline run
  python -m pipeline run --offline --input question.wav --output answer.wav
  python -m pipeline run --model gpt-4.1 --voice en-US-Ava:DragonHDLatestNeural
  python -m pipeline run --input 2 --output headset --verbose

Each option can also stand in the environment or in .env: --vad-threshold is
AZURE_VOICELIVE_VAD_THRESHOLD there."""
)
@_options_of(Settings)
def run(**flags: object) -> int:
    """Hold a conversation: speak, listen, interrupt. Ctrl-C ends it."""
    settings = _load(flags)
    with interruptible_loading():
        from pipeline.supervisor.run import run as hold_conversation

    return hold_conversation(settings)


@cli.command(
    epilog="""\b
Examples:
  python -m pipeline serve --port 8080
  python -m pipeline run --endpoint http://127.0.0.1:8080 --api-key KEY
  python -m pipeline serve --reply-url http://127.0.0.1:11434/v1 --reply-model llama3.2
  python -m pipeline serve --late-deltas 2 --downlink-jitter-ms 50 --seed 7

What is at fault can also be said by each client, as a query parameter: late-deltas=2.
The key of --reply-url is taken from OFFLINE_REPLY_KEY, in the environment or in .env."""
)
@click.option(
    "--host",
    metavar="TEXT",
    help="Address to listen on; one that other machines reach needs --key.  [default: 127.0.0.1]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on; 0 is a free one.",
    show_default=True,
)
@click.option("--key", metavar="TEXT", help="Key that clients must send.  [default: a new one]")
@click.option(
    "--accept-any-token", is_flag=True, help="For tests of signing in: take every bearer token."
)
@click.option(
    "--max-clients",
    type=click.IntRange(min=1),
    help="Refuse more at a time with HTTP 503.  [default: as many as the processors can serve]",
)
@click.option(
    "--reply-url",
    metavar="TEXT",
    help="Let a model answer: any OpenAI-compatible API, such as http://127.0.0.1:11434/v1.",
)
@click.option(
    "--reply-model", metavar="TEXT", help="Its model.  [default: the first that it lists]"
)
@_options_of(Faults)
@click.option("--verbose", is_flag=True, help="Also show every event and library messages.")
def serve(verbose: bool, **flags: Any) -> int:  # noqa: ANN401 - checked by click
    """Run the built-in offline service alone. Ctrl-C ends it."""
    _remember(verbose=verbose)
    with interruptible_loading():
        from pipeline.emulator.process import serve as serve_offline

    faults = from_flags({each.name: flags.pop(each.name) for each in options(Faults)})
    reply_key = os.environ.get(_REPLY_KEY) or read_dotenv().get(_REPLY_KEY)
    return serve_offline(ServeOptions(**flags, reply_key=reply_key, faults=faults, verbose=verbose))


@cli.command(
    epilog="""\b
Examples:
  python -m pipeline bench --quick
  python -m pipeline bench --json figures.json --html figures.html
  python -m pipeline bench --compare --scenario late-deltas --scenario tools
  python -m pipeline bench --max-cut-ms 8 --max-dropouts 0
  python -m pipeline bench --device headset --period-ms 10
  python -m pipeline bench --endpoint https://my-resource.services.ai.azure.com --quick

A whole run takes less than 5 minutes, with --compare 11. Exit code 1: a limit was exceeded."""
)
@click.option("--quick", is_flag=True, help="20 interruptions in each scenario instead of 100.")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    type=click.Choice(SCENARIO_NAMES),
    help="Measure only this one; can be given several times.",
)
@click.option("--compare", is_flag=True, help="Measure the usual single-process design as well.")
@click.option(
    "--period-ms",
    type=click.FloatRange(1, 50),
    default=5.0,
    show_default=True,
    help="Sound that the virtual card takes or gives at a time.",
)
@click.option(
    "--frame-ms",
    type=click.Choice(["10", "20", "50"]),
    callback=lambda _context, _option, chosen: int(chosen),
    default="50",
    show_default=True,
    help="Microphone sound sent at a time.",
)
@click.option(
    "--device",
    metavar="TEXT",
    help="Play on this real device, number or part of its name, instead of a virtual card.",
)
@click.option(
    "--endpoint",
    metavar="TEXT",
    help="Talk with this real service, signing in as run does, instead of the scripted one.",
)
@click.option(
    "--let-sleep",
    is_flag=True,
    help="Let processors sleep that have nothing to do; on Linux they are kept awake else.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--json", type=_FILE, help="Write all facts and every measured value to this file.")
@click.option("--html", type=_FILE, help="Write the report and its drawing to this file.")
@click.option("--png", type=_FILE, help="Write the drawing to this file.")
@click.option(
    "--max-cut-ms", type=click.FloatRange(min=0), help="Fail if the p99 of a cut exceeds this."
)
@click.option(
    "--max-dropouts", type=click.IntRange(min=0), help="Fail if a scenario has more dropouts."
)
@click.option("--verbose", is_flag=True, help="Show where an error came from.")
def bench(quick: bool, verbose: bool, endpoint: str | None, **flags: Any) -> int:  # noqa: ANN401 - checked by click
    """Measure how fast an interruption silences the sound, and what else must not take long.

    Needs no sound card and no network: this program's own processes play to virtual cards and talk
    with a scripted service.
    """
    _remember(verbose=verbose)
    with interruptible_loading():
        from pipeline.bench.options import QUICK, BenchOptions
        from pipeline.bench.runner import run as measure

    service = _load({"endpoint": endpoint, "verbose": verbose}) if endpoint else None
    return measure(BenchOptions(service=service, **(QUICK if quick else {}), **flags))


@cli.command()
@click.option("--verbose", is_flag=True, help="Also show what the sound libraries say.")
def devices(verbose: bool) -> int:
    """List the sound devices that --input and --output can name."""
    _remember(verbose=verbose)
    with interruptible_loading():
        from pipeline.supervisor.devices import list_devices

    return list_devices(Settings(verbose=verbose))


def _load(flags: dict[str, object]) -> Settings:
    _remember(verbose=flags["verbose"] is True)
    dotenv = read_dotenv()
    settings, warnings = load(flags, os.environ, dotenv)
    _remember(verbose=settings.verbose)
    for sentence in warnings:
        _say("warning", sentence)
    _export_foreign_names(dotenv)
    return settings


def _export_foreign_names(dotenv: dict[str, str]) -> None:
    """Let libraries see their own names of .env, such as azure-identity's AZURE_TENANT_ID."""
    ours = {option.environment for option in options()}
    for name, value in dotenv.items():
        if name not in ours:
            os.environ.setdefault(name, value)


def _remember(*, verbose: bool) -> None:
    click.get_current_context().meta[_VERBOSE] = verbose


def _say(kind: str, sentence: str) -> None:
    click.echo(f"{kind}: {sentence}", err=True)
