"""The tables of every report: one look, one way to write a distribution."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.bench.distribution import Budget, Distribution

PERCENTILES = ("p50", "p95", "p99", "max")

WIDTH = 160
"""Columns of a report that no terminal limits: the widest table fits."""


def report_console() -> Console:
    """Return a console for a report: what is piped on or saved has the width that tables need."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    return console


def table(title: str, *headings: str) -> Table:
    """Return an empty table: a column of labels, then a right-aligned column for each heading.

    On a narrow terminal headings and values go on in the next line: none is cut.
    """
    made = Table(
        title=f"\n{title}", title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False
    )
    made.add_column("", no_wrap=True)
    for heading in headings:
        made.add_column(heading, justify="right", overflow="fold")
    return made


def distribution_table(title: str, rows: Iterable[tuple[str, Sequence[float]]]) -> Table:
    """Return a table with the number of values and their percentiles in each row.

    :param rows: label and measured values.
    """
    made = table(title, "n", *PERCENTILES)
    for label, values in rows:
        made.add_row(label, str(len(values)), *distribution_cells(Distribution.of(values)))
    return made


def distribution_cells(
    measured: Distribution | None, budget: Budget | None = None, digits: int = 1
) -> list[Text]:
    """Return p50, p95, p99 and maximum; p50 and p99 are green within their budget, else red."""
    if measured is None:
        return [Text("-")] * len(PERCENTILES)
    limits = (budget.p50, None, budget.p99, None) if budget else (None,) * len(PERCENTILES)
    return [
        Text(f"{value:.{digits}f}", style=_style(value, limit))
        for value, limit in zip(astuple(measured), limits, strict=True)
    ]


def _style(value: float, limit: float | None) -> str:
    if limit is None:
        return ""
    return "green" if value <= limit else "red"
