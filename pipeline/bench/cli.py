"""The command `bench`. Imports nothing that is slow, so that `--help` is instant."""

from typing import Any

import click
from click.core import ParameterSource

from pipeline.bench import flags
from pipeline.bench.ears.cli import ears
from pipeline.bench.scenarios import SCENARIO_NAMES
from pipeline.config.command import Command, load_settings, remember_verbose
from pipeline.config.numbers import Number, WholeNumber
from pipeline.config.secrets import take_environment
from pipeline.errors import UsageError
from pipeline.system.signals import interruptible_loading


class _Bench(Command, click.Group):
    """Measures the cuts; with a section's name, what that section does."""


@click.group(
    cls=_Bench,
    invoke_without_command=True,
    subcommand_metavar="[ears ...]",
    epilog="""\b
Examples:
  {program} bench --quick
  {program} bench ears --quick
  {program} bench --json figures.json --html figures.html
  {program} bench --compare --scenario late-deltas --scenario tools
  {program} bench --max-cut-ms 8 --max-dropouts 0
  {program} bench --device headset --period-ms 10
  {program} bench --endpoint https://my-resource.services.ai.azure.com --quick

A run takes 4 minutes, with --compare 11. Its last line says what fell short of the budgets.
Exit code 1: a limit (--max-...) was exceeded.""",
)
@click.option("--quick", is_flag=True, help="20 interruptions a scenario instead of 100.")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    type=click.Choice(SCENARIO_NAMES),
    metavar="NAME",
    help=f"Only this scenario; repeatable: {', '.join(SCENARIO_NAMES)}.",
)
@click.option("--compare", is_flag=True, help="Also measure the usual one-process design.")
@click.option(
    "--period-ms",
    type=Number(1, 50),
    default=5.0,
    show_default=True,
    help="Length of the virtual card's periods.",
)
@click.option(
    "--frame-ms",
    type=click.Choice(["10", "20", "50"]),
    callback=lambda _context, _option, chosen: int(chosen),
    default="50",
    show_default=True,
    help="Length of the microphone's frames.",
)
@click.option(
    "--device",
    metavar="TEXT",
    help="Play on this device (number or part of its name), not on a virtual card.",
)
@click.option(
    "--endpoint",
    metavar="TEXT",
    help="Talk with this real service, signing in as run does, instead of the scripted one.",
)
@flags.let_sleep
@flags.seed
@flags.json
@click.option("--html", type=flags.FILE, help="Write report and drawing to this file.")
@flags.png
@click.option("--max-cut-ms", type=Number(min=0), help="Fail if a cut's p99 exceeds this.")
@click.option("--max-dropouts", type=WholeNumber(min=0), help="Fail if a scenario has more.")
@flags.verbose
@click.pass_context
def bench(
    context: click.Context,
    /,
    quick: bool,
    verbose: bool,
    endpoint: str | None,
    **given: Any,  # noqa: ANN401 - checked by click
) -> int:
    """Measure how fast an interruption silences the sound.

    Also measures the other delays of a conversation, dropouts and cost. Needs no sound card and no
    network: this program's own processes play to virtual cards and talk with a scripted service.
    """
    remember_verbose(verbose=verbose)
    if context.invoked_subcommand is not None:
        _check_no_options(context)
        return 0
    with interruptible_loading():
        from pipeline.bench.options import QUICK, BenchOptions
        from pipeline.bench.runner import run as measure

    service = load_settings({"endpoint": endpoint, "verbose": verbose}) if endpoint else None
    take_environment()  # the measured programs need no key of the person's
    return measure(BenchOptions(service=service, **(QUICK if quick else {}), **given))


def _check_no_options(context: click.Context) -> None:
    """:raises UsageError: options stand before a section's name, where they would mean nothing."""
    for name in context.params:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = "--" + name.replace("_", "-")
            section = context.invoked_subcommand
            raise UsageError(f"{flag} stands before {section!r}: write it behind it.")


bench.add_command(ears)
