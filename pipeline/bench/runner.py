"""Run `bench`, from its options to its exit code."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.bench import live, live_report
from pipeline.bench.blocked_user import blocked_user
from pipeline.bench.clients import Design
from pipeline.bench.drawing import check_drawable
from pipeline.bench.export import write_html, write_json, write_live_json, write_png
from pipeline.bench.handoff import measure_handoffs
from pipeline.bench.keep_awake import keep_cpus_awake, processors
from pipeline.bench.machine import machine_facts
from pipeline.bench.measure import measure, turn_ms
from pipeline.bench.options import BenchOptions
from pipeline.bench.report import Measured, show
from pipeline.bench.scenarios import SCENARIOS, Scenario
from pipeline.bench.screen_user import screen_user
from pipeline.bench.single_process import single_process
from pipeline.bench.stalls import StallWatchers
from pipeline.bench.tables import report_console
from pipeline.bench.three_processes import three_processes
from pipeline.bench.verdict import Verdict, judge, judge_live, limits_exceeded
from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.system.signals import signals_end_the_run

HANDOFFS_PER_CUT = 10
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TimeRemainingColumn(),
    TextColumn("left"),
)
EXCEEDED = 1
"""Exit code if a limit was exceeded."""


def run(options: BenchOptions) -> int:
    """Measure, print the report, write the files, and return the exit code.

    :raises PipelineError: an option cannot be used, or a client failed.
    """
    with signals_end_the_run():
        return _run(options)


def _run(options: BenchOptions) -> int:
    scenarios = _chosen(options.scenarios)
    check_targets(options.json, options.html, options.png)
    if options.html is not None or options.png is not None:
        check_drawable()
    if options.service is not None:
        return _run_live(options, options.service)
    designs = [three_processes(options.period_ms, options.frame_ms, options.device)]
    if options.compare:
        designs.append(single_process())
    console = report_console()
    measured = _measure(options, scenarios, designs)
    show(measured, console)
    _write(options, measured)
    ours = [result for result, _ in measured.pairs]
    print_verdict(judge(ours, measured.handoffs, options), console)
    return EXCEEDED if any(limits_exceeded(ours, options)) else 0


def _run_live(options: BenchOptions, service: Settings) -> int:
    scripted_only = {
        "--compare": options.compare,
        "--scenario": options.scenarios,
        "--html": options.html,
        "--png": options.png,
        "--max-cut-ms": options.max_cut_ms is not None,
        "--max-dropouts": options.max_dropouts is not None,
    }
    if unusable := [flag for flag, given in scripted_only.items() if given]:
        raise UsageError(
            f"{', '.join(unusable)} cannot be used with --endpoint: only the scripted service can "
            "be measured that way. Leave out one or the other."
        )
    console = report_console()
    design = three_processes(options.period_ms, options.frame_ms, options.device)
    conversations = []
    with progress_bar() as progress:
        task = progress.add_task("conversations", total=options.conversations)
        for _ in range(options.conversations):
            conversations.append(live.converse(design, service))
            progress.advance(task)
    live_report.show(conversations, console)
    if options.json is not None:
        write_live_json(options.json, conversations, _public(options))
    print_verdict(judge_live(conversations, options.period_ms), console)
    return 0


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Print the last line of a report."""
    style = "bold red" if verdict.shortfalls else "bold green"
    console.print(str(verdict), style=style, soft_wrap=not console.is_terminal)


def progress_bar() -> Progress:
    """Return a bar on standard error, so that a report can be piped on while a person watches."""
    console = Console(stderr=True)
    hidden = not console.is_terminal  # else an empty line is left of it
    return Progress(
        *_COLUMNS, console=console, transient=True, speed_estimate_period=60, disable=hidden
    )


def _public(options: BenchOptions) -> dict[str, Any]:
    """Return the options without the service's settings, which hold its key."""
    return asdict(replace(options, service=None))


def _chosen(names: Sequence[str]) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} is not a scenario. Give one of: {', '.join(known)}.")
    return [known[name] for name in names] or list(SCENARIOS)


def check_targets(*paths: Path | None) -> None:
    """Refuse files that could not be written, before anything is measured."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: the folder {path.parent} does not exist.")


def _measure(
    options: BenchOptions,
    scenarios: Sequence[Scenario],
    designs: Sequence[Design],
) -> Measured:
    pairs = []
    planned = [(scenario, _designs_for(scenario, designs)) for scenario in scenarios]
    planned_ms = sum(
        options.cuts * turn_ms(design, scenario) for scenario, used in planned for design in used
    )
    with (
        keep_cpus_awake([] if options.let_sleep else processors()),
        StallWatchers() as watchers,
        progress_bar() as progress,
    ):
        task = progress.add_task("hand-off", total=planned_ms)
        handoffs = measure_handoffs(options.cuts * HANDOFFS_PER_CUT)
        for scenario, used in planned:
            results = []
            for design in used:
                progress.update(task, description=f"{scenario.name}, {design.name}")
                advance = partial(progress.advance, task, turn_ms(design, scenario))
                results.append(
                    measure(
                        design,
                        scenario,
                        options.cuts,
                        seed=options.seed,
                        watchers=watchers,
                        on_turn=advance,
                    )
                )
            pairs.append((results[0], results[1] if len(results) > 1 else None))
    return Measured(machine_facts(), handoffs, tuple(pairs), let_sleep=options.let_sleep)


def _designs_for(scenario: Scenario, designs: Sequence[Design]) -> Sequence[Design]:
    if scenario.shows_screen:
        return [screen_user(designs[0])]
    return [blocked_user(designs[0])] if scenario.user_blocks else designs


def _write(options: BenchOptions, measured: Measured) -> None:
    if options.json is not None:
        write_json(options.json, measured, _public(options))
    if options.html is not None:
        write_html(options.html, measured)
    if options.png is not None:
        write_png(options.png, measured)
