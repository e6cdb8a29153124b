"""The report as a person reads it: one table of times, one of faults, one of cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.bench import NOT_MEASURED
from pipeline.bench.cost import Cost
from pipeline.bench.distribution import Distribution
from pipeline.bench.handoff import Handoffs
from pipeline.bench.keep_awake import processors
from pipeline.bench.measure import Result
from pipeline.bench.metrics import CIRCUMSTANCES, FAULTS, METRICS, Count, Metric

HANDOFF_BUDGET_MS = Distribution(0.05, 0.5, 0.5, 0.5)
"""Its p50 and p99 are to be kept."""

DISTURBED_CPUS = 0.2
"""Above this much use by other programs the report warns."""

STOLEN_CPUS = 0.01
"""The same for what the host takes: even little of it comes in long pieces."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All that one run of `bench` has measured."""

    machine: dict[str, str]
    handoffs: Handoffs
    pairs: tuple[tuple[Result, Result | None], ...]
    """This program and, with ``--compare``, the single process, in each scenario."""
    let_sleep: bool = False

    @property
    def results(self) -> list[Result]:
        return [result for pair in self.pairs for result in pair if result is not None]

    @property
    def compares(self) -> bool:
        return any(other is not None for _, other in self.pairs)


def show(measured: Measured, console: Console) -> None:
    """Print the report."""
    for part in parts(measured):
        console.print(part)


def parts(measured: Measured) -> Sequence[RenderableType]:
    """The report from top to bottom."""
    return [
        _times(measured),
        _faults(measured),
        _circumstances(measured),
        _cost(measured),
        Group(*(Text(sentence, style="dim") for sentence in sentences(measured))),
    ]


def sentences(measured: Measured) -> list[str]:
    """What the figures mean, what may have disturbed them, and what they leave out."""
    machine = measured.machine
    buffers = dict.fromkeys(f"{r.design} {r.card_buffer_ms:g} ms" for r in measured.results)
    said = [f"{metric.label}: {metric.meaning}." for metric in METRICS]
    said += [f"{count.label}: {count.meaning}." for count in (*FAULTS, *CIRCUMSTANCES)]
    said.append("A late card period is a dropout; what it holds counts from when it came.")
    said.append(
        f"Beyond the edge the card's own buffer adds: {', '.join(buffers)}; it holds as much "
        "towards the microphone, which the figures include."
    )
    if processors() and not measured.let_sleep:
        said.append(
            "Processors with nothing to do were kept awake, as one that sleeps wakes late: "
            "--let-sleep lets them."
        )
    if not all(result.stalls.watched for result in measured.results):
        said.append(
            "Nobody watched for machine stalls, which takes Linux and the right to real-time "
            "scheduling: whatever the machine delayed counts as the client's."
        )
    said.append(f"Not measured: {', '.join(NOT_MEASURED)}.")
    facts = (machine["processor"], machine["memory"], machine["system"])
    said.append(f"{', '.join(facts)}, Python {machine['python']}.")
    said += _disturbances(measured.results)
    return said


def _disturbances(results: Sequence[Result]) -> list[str]:
    others = max((result.disturbance.others_cpus for result in results), default=0.0)
    stolen = max((result.disturbance.stolen_cpus for result in results), default=0.0)
    said = []
    if others > DISTURBED_CPUS:
        said.append(f"other programs kept up to {others:.1f} processors busy")
    if stolen > STOLEN_CPUS:
        said.append(f"the host gave up to {stolen:.2f} of this machine's processors to others")
    if not said:
        return []
    return [f"Disturbed: {', and '.join(said)}. The figures may be better on an idle machine."]


def _times(measured: Measured) -> Table:
    table = _table("Milliseconds, over (n) interruptions" + _both(measured))
    for heading in ("p50", "p95", "p99", "max"):
        table.add_column(heading, justify="right")
    if measured.compares:
        for heading in ("single\np50", "single\np99", "ratio\np50", "ratio\np99"):
            table.add_column(heading, justify="right")
    for ours, theirs in measured.pairs:
        table.add_row(Text(f"{ours.scenario} ({len(ours.clear_turns)})", style="bold"))
        for metric in METRICS:
            table.add_row(f"  {metric.label}", *_time_cells(metric, ours, theirs))
    ring = Distribution.of(us / 1_000 for us in measured.handoffs.ring_us)
    bare = Distribution.of(us / 1_000 for us in measured.handoffs.bare_us)
    table.add_row(Text("two processes alone", style="bold"))
    table.add_row("  ring hand-off", *_cells(ring, HANDOFF_BUDGET_MS, digits=3))
    table.add_row("  a bare wake-up", *_cells(bare, digits=3))
    return table


def _time_cells(metric: Metric, ours: Result, theirs: Result | None) -> list[Text]:
    our = Distribution.of(metric.values(ours))
    their = Distribution.of(metric.values(theirs)) if theirs else None
    cells = _cells(our, metric.budget)
    if our is None or their is None:
        return cells
    compared = (f"{their.p50:.1f}", f"{their.p99:.1f}", _ratio(our.p50, their.p50))
    return [*cells, *map(Text, compared), Text(_ratio(our.p99, their.p99))]


def _cells(
    measured: Distribution | None, budget: Distribution | None = None, digits: int = 1
) -> list[Text]:
    if measured is None:
        return [Text("-")] * 4
    values = (measured.p50, measured.p95, measured.p99, measured.max)
    limits = (budget.p50, None, budget.p99, None) if budget else (None,) * 4
    return [
        Text(f"{value:.{digits}f}", style=_style(value, limit))
        for value, limit in zip(values, limits, strict=True)
    ]


def _style(value: float, limit: float | None) -> str:
    if limit is None:
        return ""
    return "green" if value <= limit else "red"


def _ratio(ours: float, theirs: float) -> str:
    return f"{theirs / ours:.1f}" if ours > 0 else "-"


def _faults(measured: Measured) -> Table:
    table = _table("Faults, each to be 0" + _both(measured))
    for ours, _ in measured.pairs:
        table.add_column(ours.scenario, justify="right")
    for fault in FAULTS:
        table.add_row(fault.label, *(_fault_cell(fault, *pair) for pair in measured.pairs))
    return table


def _fault_cell(fault: Count, ours: Result, theirs: Result | None) -> Text:
    cell = _count_cell(fault, ours, theirs)
    cell.stylize("red" if fault.value(ours) else "green", end=len(f"{fault.value(ours):g}"))
    return cell


def _circumstances(measured: Measured) -> Table:
    table = _table("What the network and the machine did" + _both(measured))
    for ours, _ in measured.pairs:
        table.add_column(ours.scenario, justify="right")
    for count in CIRCUMSTANCES:
        table.add_row(count.label, *(_count_cell(count, *pair) for pair in measured.pairs))
    return table


def _count_cell(count: Count, ours: Result, theirs: Result | None) -> Text:
    values = [f"{count.value(result):g}" for result in (ours, theirs) if result is not None]
    return Text("/".join(values))


def _cost(measured: Measured) -> Table:
    table = _table("Cost: CPU seconds a minute, and MB, with two or three cuts a second")
    for ours, _ in measured.pairs:
        table.add_column(ours.scenario, justify="right")
    names = dict.fromkeys(cost.process for result in measured.results for cost in result.cost)
    for name in names:
        table.add_row(f"cost of {name}", *(_cost_cell(name, *pair) for pair in measured.pairs))
    return table


def _cost_cell(process: str, *results: Result | None) -> str:
    found = [cost for result in results if result for cost in result.cost]
    return next((_cost_words(cost) for cost in found if cost.process == process), "")


def _cost_words(cost: Cost) -> str:
    return f"{cost.cpu_s_per_minute:.1f} {cost.memory_mb:3.0f}"


def _both(measured: Measured) -> str:
    return ": this program / single process" if measured.compares else ""


def _table(title: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    return table
