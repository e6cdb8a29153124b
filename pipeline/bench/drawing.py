"""The measured times drawn: a point for each, a row for each scenario and client."""

import importlib.util
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline.bench.distribution import Distribution
from pipeline.bench.figures import FIGURES, Figure
from pipeline.bench.measure import Result
from pipeline.bench.report import Measured
from pipeline.errors import MissingPackageError

_COLOURS = ("#0b6e99", "#d1495b")
_WIDEST_MS = 100.0
"""Longer times need a logarithmic axis."""
_SHORTEST_MS = 0.1
"""Where that begins."""

_ROW_INCHES = 0.32
_SPREAD = 0.28
"""How far points of a row lie apart from its middle."""


def check_drawable() -> None:
    """:raises MissingPackageError: matplotlib is not there."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError(
            "--html and --png need matplotlib to draw: run `make setup EXTRAS=bench`."
        )


def draw(measured: Measured, target: Path | IO[bytes], kind: str) -> None:
    """Write the drawing to `target` as "png" or "svg"."""
    from matplotlib.figure import Figure as Canvas

    results = measured.results
    height = 1.5 + _ROW_INCHES * len(results)
    canvas = Canvas(figsize=(12, 2 * height), dpi=120, layout="constrained")
    colours = dict(zip(dict.fromkeys(r.design for r in results), _COLOURS, strict=False))
    for axes, figure in zip(canvas.subplots(2, 2).flat, FIGURES, strict=True):
        _draw_figure(axes, figure, results, colours)
    facts = measured.machine
    canvas.suptitle(f"{facts['processor']}, {facts['system']}, Python {facts['python']}", size=9)
    canvas.savefig(target, format=kind)


def _draw_figure(
    axes: Any,  # noqa: ANN401 - matplotlib's types would make it a dependency
    figure: Figure,
    results: list[Result],
    colours: dict[str, str],
) -> None:
    random = np.random.default_rng(1)
    wide = any(value > _WIDEST_MS for result in results for value in figure.values(result))
    shortest_ms = _SHORTEST_MS if wide else 0.0
    for row, result in enumerate(results):
        values = np.maximum(np.asarray(figure.values(result), float), shortest_ms)
        found = Distribution.of(values)
        if found is None:
            continue
        heights = row + random.uniform(-_SPREAD, _SPREAD, len(values))
        colour = colours[result.design]
        axes.scatter(values, heights, s=5, alpha=0.5, linewidths=0, color=colour)
        for value, width in ((found.p50, 2.0), (found.p99, 1.0)):
            axes.plot([value, value], [row - 0.4, row + 0.4], color="black", linewidth=width)
    if figure.budget is not None:
        axes.axvline(figure.budget.p99, color="#2a9d4b", linestyle="--", linewidth=1)
        axes.annotate(
            f" {figure.budget.p99:g} ms",
            (figure.budget.p99, 0),
            xycoords=("data", "axes fraction"),
            va="bottom",
            size=8,
            color="#2a9d4b",
        )
    if wide:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter("")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(left=shortest_ms)
    axes.set_yticks(range(len(results)), [_label(result, results) for result in results], size=8)
    axes.invert_yaxis()
    axes.set_title(f"{figure.label}, ms", loc="left", size=10)
    axes.set_xlabel(f"{figure.meaning}\n(strokes: p50 and p99)", size=7)
    axes.grid(axis="x", linewidth=0.3)


def _label(result: Result, results: list[Result]) -> str:
    several = len({other.design for other in results}) > 1
    return f"{result.scenario}, {result.design}" if several else result.scenario
