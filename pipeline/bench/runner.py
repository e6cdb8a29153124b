"""`bench` from its options to its exit code."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.bench import live, live_report
from pipeline.bench.clients import Design
from pipeline.bench.distribution import Distribution
from pipeline.bench.drawing import check_drawable
from pipeline.bench.export import write_html, write_json, write_png
from pipeline.bench.handoff import measure_handoffs
from pipeline.bench.keep_awake import keep_cpus_awake, processors
from pipeline.bench.machine import machine_facts
from pipeline.bench.measure import Result, measure
from pipeline.bench.metrics import CUT
from pipeline.bench.options import BenchOptions
from pipeline.bench.report import Measured, show
from pipeline.bench.scenarios import SCENARIOS, Scenario
from pipeline.bench.single_process import single_process
from pipeline.bench.stalls import StallWatchers
from pipeline.bench.three_processes import three_processes
from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.system.signals import signals_end_the_run

HANDOFFS_PER_CUT = 10
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)
EXCEEDED = 1
"""Exit code if a limit was not kept."""


def run(options: BenchOptions) -> int:
    """Measure, report, and return the exit code.

    :raises PipelineError: an option cannot be used, or a client failed.
    """
    with signals_end_the_run():
        return _run(options)


def _run(options: BenchOptions) -> int:
    scenarios = _chosen(options.scenarios)
    _check_targets(options)
    if options.service is not None:
        return _run_live(options, options.service)
    designs = [three_processes(options.period_ms, options.frame_ms, options.device)]
    if options.compare:
        designs.append(single_process())
    console = Console(highlight=False)
    measured = _measure(options, scenarios, designs, console)
    show(measured, console)
    _write(options, measured)
    exceeded = limits_exceeded([ours for ours, _ in measured.pairs], options)
    for sentence in exceeded:
        console.print(sentence, style="bold red")
    return EXCEEDED if exceeded else 0


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
            f"{', '.join(unusable)}: only with the scripted service. Leave out that, or --endpoint."
        )
    console = Console(highlight=False)
    design = three_processes(options.period_ms, options.frame_ms, options.device)
    conversations = []
    with Progress(*_COLUMNS, console=console, transient=True) as progress:
        task = progress.add_task("conversations", total=options.conversations)
        for _ in range(options.conversations):
            conversations.append(live.converse(design, service))
            progress.advance(task)
    live_report.show(conversations, console)
    if options.json is not None:
        live_report.write_json(options.json, conversations, _told(options))
    return 0


def _told(options: BenchOptions) -> dict[str, Any]:
    """The options, without what a service's settings keep secret."""
    return asdict(replace(options, service=None))


def limits_exceeded(results: Sequence[Result], options: BenchOptions) -> list[str]:
    """A sentence for each limit of the options that a result does not keep."""
    sentences = []
    for result in results:
        cut = Distribution.of(CUT.values(result))
        if options.max_cut_ms is not None and (cut is None or cut.p99 > options.max_cut_ms):
            found = "nothing was cut" if cut is None else f"its p99 is {cut.p99:.2f} ms"
            sentences.append(
                f"{result.scenario}: a cut may take {options.max_cut_ms:g} ms, but {found}."
            )
        if options.max_dropouts is not None and result.dropouts > options.max_dropouts:
            sentences.append(
                f"{result.scenario}: {options.max_dropouts} dropouts are allowed, "
                f"but there were {result.dropouts}."
            )
    return sentences


def _chosen(names: Sequence[str]) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} is no scenario, expected one of {', '.join(known)}.")
    return [known[name] for name in names] or list(SCENARIOS)


def _check_targets(options: BenchOptions) -> None:
    """A file that cannot be written is told before anything is measured."""
    for path in (options.json, options.html, options.png):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.")
    if options.html is not None or options.png is not None:
        check_drawable()


def _measure(
    options: BenchOptions,
    scenarios: Sequence[Scenario],
    designs: Sequence[Design],
    console: Console,
) -> Measured:
    pairs = []
    with (
        keep_cpus_awake([] if options.let_sleep else processors()),
        StallWatchers() as watchers,
        Progress(*_COLUMNS, console=console, transient=True) as progress,
    ):
        task = progress.add_task("hand-off", total=len(scenarios) * len(designs) * options.cuts)
        handoffs = measure_handoffs(options.cuts * HANDOFFS_PER_CUT)
        for scenario in scenarios:
            results = []
            for design in designs:
                progress.update(task, description=f"{scenario.name}, {design.name}")
                results.append(
                    measure(
                        design,
                        scenario,
                        options.cuts,
                        seed=options.seed,
                        watchers=watchers,
                        on_turn=lambda: progress.advance(task),
                    )
                )
            pairs.append((results[0], results[1] if len(results) > 1 else None))
    return Measured(machine_facts(), handoffs, tuple(pairs), let_sleep=options.let_sleep)


def _write(options: BenchOptions, measured: Measured) -> None:
    if options.json is not None:
        write_json(options.json, measured, _told(options))
    if options.html is not None:
        write_html(options.html, measured)
    if options.png is not None:
        write_png(options.png, measured)
