"""The report for people: tables of times, faults, circumstances and cost, and what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.bench import NOT_MEASURED
from pipeline.bench.cost import Cost
from pipeline.bench.distribution import Distribution
from pipeline.bench.handoff import Handoffs
from pipeline.bench.keep_awake import kept_awake
from pipeline.bench.metrics import CIRCUMSTANCES, FAULTS, METRICS, Count, Metric
from pipeline.bench.result import Result
from pipeline.bench.tables import PERCENTILES, distribution_cells, table
from pipeline.bench.verdict import HANDOFF_BUDGET_MS

DISTURBED_CPUS = 0.2
"""Use by other programs above which the report warns."""

STOLEN_CPUS = 0.01
"""Use by the host above which the report warns: it takes even little time in long pieces."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that one run of `bench` has measured."""

    machine: dict[str, str]
    handoffs: Handoffs
    pairs: tuple[tuple[Result, Result | None], ...]
    """Results of this program and, with ``--compare``, of the single process, in each scenario."""
    let_sleep: bool = False

    @property
    def results(self) -> list[Result]:
        return [result for pair in self.pairs for result in pair if result is not None]

    @property
    def compares(self) -> bool:
        return any(other is not None for _, other in self.pairs)


def show(measured: Measured, console: Console) -> None:
    """Print the report: what explains it first, the times last."""
    for part in parts(measured):
        console.print(part)


def parts(measured: Measured) -> Sequence[RenderableType]:
    """Return the report from top to bottom."""
    return [
        Group(*(Text(sentence, style="dim") for sentence in sentences(measured))),
        _counts(measured, "Network and machine meanwhile", CIRCUMSTANCES, _count_cell),
        _cost(measured),
        _counts(measured, "Faults, all of which should be 0", FAULTS, _fault_cell),
        _times(measured),
    ]


def sentences(measured: Measured) -> list[str]:
    """Return what the tables mean, what may have disturbed them, and what they leave out."""
    machine = measured.machine
    buffers = dict.fromkeys(f"{r.design} {r.card_buffer_ms:g} ms" for r in measured.results)
    lines = [f"{metric.label}: {metric.meaning}." for metric in METRICS]
    lines += [f"{count.label}: {count.meaning}." for count in (*FAULTS, *CIRCUMSTANCES)]
    lines.append("A card period that comes late is a dropout; its samples count from when it came.")
    lines.append(
        f"Beyond the edge the card's own buffer adds: {', '.join(buffers)}. Times that begin at "
        "the microphone include its buffer, which is as long."
    )
    lines += kept_awake(let_sleep=measured.let_sleep)
    if not all(result.stalls.watched for result in measured.results):
        lines.append(
            "Machine stalls were not watched, which needs Linux and the right to real-time "
            "scheduling. Delays by the machine count as the client's."
        )
    lines.append(f"Not measured: {', '.join(NOT_MEASURED)}.")
    facts = (machine["processor"], machine["memory"], machine["system"])
    lines.append(f"{', '.join(facts)}, Python {machine['python']}.")
    return lines + _disturbances(measured.results)


def _disturbances(results: Sequence[Result]) -> list[str]:
    others = max((result.disturbance.others_cpus for result in results), default=0.0)
    stolen = max((result.disturbance.stolen_cpus for result in results), default=0.0)
    found = []
    if others > DISTURBED_CPUS:
        found.append(f"other programs kept up to {others:.1f} processors busy")
    if stolen > STOLEN_CPUS:
        found.append(f"the host gave up to {stolen:.2f} of this machine's processors to others")
    if not found:
        return []
    return [f"Disturbed: {', and '.join(found)}. An idle machine may give better times."]


def _times(measured: Measured) -> Table:
    compared = ("single\np50", "single\np99", "ratio\np50", "ratio\np99")
    headings = (*PERCENTILES, *(compared if measured.compares else ()))
    times = table("Milliseconds, over (n) interruptions" + _both(measured), *headings)
    for ours, theirs in measured.pairs:
        times.add_row(Text(f"{ours.scenario} ({len(ours.clear_turns)})", style="bold"))
        for metric in METRICS:
            times.add_row(f"  {metric.label}", *_time_cells(metric, ours, theirs))
    ring = Distribution.of(us / 1_000 for us in measured.handoffs.ring_us)
    bare = Distribution.of(us / 1_000 for us in measured.handoffs.bare_us)
    times.add_row(Text("two processes alone", style="bold"))
    times.add_row("  ring hand-off", *distribution_cells(ring, HANDOFF_BUDGET_MS, digits=3))
    times.add_row("  a bare wake-up", *distribution_cells(bare, digits=3))
    return times


def _time_cells(metric: Metric, ours: Result, theirs: Result | None) -> list[Text]:
    our = Distribution.of(metric.values(ours))
    their = Distribution.of(metric.values(theirs)) if theirs else None
    cells = distribution_cells(our, metric.budget_in(ours.scenario))
    if our is None or their is None:
        return cells
    compared = (f"{their.p50:.1f}", f"{their.p99:.1f}", _ratio(our.p50, their.p50))
    return [*cells, *map(Text, compared), Text(_ratio(our.p99, their.p99))]


def _ratio(ours: float, theirs: float) -> str:
    return f"{theirs / ours:.1f}" if ours > 0 else "-"


CountCell = Callable[[Count, Result, Result | None], Text]


def _counts(measured: Measured, title: str, counts: Sequence[Count], cell: CountCell) -> Table:
    """Return a row for each count and a column for each scenario."""
    found = table(title + _both(measured), *_scenarios(measured))
    for count in counts:
        found.add_row(count.label, *(cell(count, *pair) for pair in measured.pairs))
    return found


def _fault_cell(fault: Count, ours: Result, theirs: Result | None) -> Text:
    cell = _count_cell(fault, ours, theirs)
    cell.stylize("red" if fault.value(ours) else "green", end=len(f"{fault.value(ours):g}"))
    return cell


def _count_cell(count: Count, ours: Result, theirs: Result | None) -> Text:
    values = [f"{count.value(result):g}" for result in (ours, theirs) if result is not None]
    return Text("/".join(values))


def _cost(measured: Measured) -> Table:
    title = "Cost: CPU seconds a minute, and MB, with two or three cuts a second"
    costs = table(title, *_scenarios(measured))
    names = dict.fromkeys(cost.process for result in measured.results for cost in result.cost)
    for name in names:
        costs.add_row(f"cost of {name}", *(_cost_cell(name, *pair) for pair in measured.pairs))
    return costs


def _cost_cell(process: str, *results: Result | None) -> str:
    found = [cost for result in results if result for cost in result.cost]
    return next((_cost_words(cost) for cost in found if cost.process == process), "")


def _cost_words(cost: Cost) -> str:
    return f"{cost.cpu_s_per_minute:.1f} {cost.memory_mb:3.0f}"


def _scenarios(measured: Measured) -> list[str]:
    return [ours.scenario for ours, _ in measured.pairs]


def _both(measured: Measured) -> str:
    return ": this program / single process" if measured.compares else ""
