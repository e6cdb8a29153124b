"""The report as a person reads it: one table of times, one of faults, one of cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.bench import NOT_MEASURED
from pipeline.bench.cost import Cost
from pipeline.bench.distribution import Distribution
from pipeline.bench.figures import FAULTS, FIGURES, Figure
from pipeline.bench.measure import Result

HANDOFF_BUDGET_MS = Distribution(0.05, 0.5, 0.5, 0.5)
"""Its p50 and p99 are to be kept."""

DISTURBED_CPUS = 0.2
"""Above this much use by other programs the report warns."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All that one run of `bench` has measured."""

    machine: dict[str, str]
    handoff_us: tuple[float, ...]
    pairs: tuple[tuple[Result, Result | None], ...]
    """This program and, with ``--compare``, the single process, in each scenario."""

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
        _cost(measured),
        Group(*(Text(sentence, style="dim") for sentence in sentences(measured))),
    ]


def sentences(measured: Measured) -> list[str]:
    """What the figures mean, what may have disturbed them, and what they leave out."""
    facts = measured.machine
    buffers = dict.fromkeys(f"{r.design} {r.card_buffer_ms:g} ms" for r in measured.results)
    said = [f"{figure.label}: {figure.meaning}." for figure in FIGURES]
    said += [f"{fault.label}: {fault.meaning}." for fault in FAULTS]
    said.append("A late card period is a dropout, and is recorded as if it had come in time.")
    said.append(
        f"Beyond the edge the card's own buffer adds: {', '.join(buffers)}; it holds as much "
        "towards the microphone, which the figures include."
    )
    said.append(f"Not measured: {', '.join(NOT_MEASURED)}.")
    said.append(
        f"{facts['processor']}, {facts['memory']}, {facts['system']}, Python {facts['python']}."
    )
    said += _disturbances(measured.results)
    return said


def _disturbances(results: Iterable[Result]) -> list[str]:
    worst = max((result.others_cpus for result in results), default=0.0)
    if worst < DISTURBED_CPUS:
        return []
    sentence = (
        f"Other programs kept up to {worst:.1f} processors busy meanwhile: "
        "the figures may be worse than on an idle machine."
    )
    return [sentence]


def _times(measured: Measured) -> Table:
    table = Table(title="Milliseconds, over all interruptions", title_justify="left")
    table.add_column("scenario")
    table.add_column("")
    for heading in ("p50", "p95", "p99", "max"):
        table.add_column(heading, justify="right")
    if measured.compares:
        for heading in ("single process p50", "p99", "ratio p50", "p99"):
            table.add_column(heading, justify="right")
    for ours, theirs in measured.pairs:
        for row, figure in enumerate(FIGURES):
            name = f"{ours.scenario} ({len(ours.turns)})" if not row else ""
            table.add_row(name, figure.label, *_time_cells(figure, ours, theirs, measured.compares))
        table.add_section()
    handoff = Distribution.of(us / 1_000 for us in measured.handoff_us)
    table.add_row("two processes", "ring hand-off", *_cells(handoff, HANDOFF_BUDGET_MS, digits=3))
    return table


def _time_cells(
    figure: Figure, ours: Result, theirs: Result | None, compares: bool
) -> list[RenderableType]:
    our = Distribution.of(figure.values(ours))
    cells: list[RenderableType] = [*_cells(our, figure.budget)]
    if not compares:
        return cells
    their = Distribution.of(figure.values(theirs)) if theirs else None
    if our is None or their is None:
        return cells
    return [
        *cells,
        f"{their.p50:.1f}",
        f"{their.p99:.1f}",
        _ratio(our.p50, their.p50),
        _ratio(our.p99, their.p99),
    ]


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
    return f"{theirs / ours:.1f} x" if ours > 0 else "-"


def _faults(measured: Measured) -> Table:
    table = _per_result("Faults: each is to be 0", [fault.label for fault in FAULTS], measured)
    for result in measured.results:
        values = (fault.value(result) for fault in FAULTS)
        cells = [Text(f"{value:g}", style="red" if value else "green") for value in values]
        table.add_row(*_row_name(result, measured), *cells)
    return table


def _cost(measured: Measured) -> Table:
    names = list(dict.fromkeys(c.process for result in measured.results for c in result.cost))
    headings = [f"{name} {what}" for name in names for what in ("CPU s", "MB")]
    table = _per_result(
        "Cost a minute, with two or three interruptions a second", headings, measured
    )
    for result in measured.results:
        cost = {cost.process: cost for cost in result.cost}
        cells = [cell for name in names for cell in _cost_cells(cost.get(name))]
        table.add_row(*_row_name(result, measured), *cells)
    return table


def _cost_cells(cost: Cost | None) -> tuple[str, str]:
    if cost is None:
        return "", ""
    return f"{cost.cpu_s_per_minute:.1f}", f"{cost.memory_mb:.1f}"


def _per_result(title: str, headings: Sequence[str], measured: Measured) -> Table:
    """A table with a row for each scenario and client."""
    table = Table(title=title, title_justify="left")
    table.add_column("scenario")
    if measured.compares:
        table.add_column("client")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _row_name(result: Result, measured: Measured) -> list[str]:
    return [result.scenario, result.design] if measured.compares else [result.scenario]
