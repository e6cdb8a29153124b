"""Drawings of the measured times: a point for each, a row for each scenario and client."""

import importlib.util
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline.bench.distribution import Distribution
from pipeline.bench.metrics import METRICS, Metric
from pipeline.bench.report import Measured
from pipeline.bench.result import Result
from pipeline.errors import MissingPackageError

_COLOURS = ("#0b6e99", "#d1495b")
_WIDEST_MS = 100.0
"""Longer times are drawn on a logarithmic axis."""
_SHORTEST_MS = 0.1
"""Start of the logarithmic axis."""

_ROW_INCHES = 0.32
_SPREAD = 0.28
"""Greatest distance of a point from the middle of its row, in rows."""


def check_drawable() -> None:
    """:raises MissingPackageError: matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError(
            "--html and --png need matplotlib to draw: run `make setup EXTRAS=bench`."
        )


def draw(measured: Measured, target: Path | IO[bytes], kind: str) -> None:
    """Draw to `target`; `kind` is "png" or "svg"."""
    from matplotlib.figure import Figure

    results = measured.results
    height = 1.5 + _ROW_INCHES * len(results)
    canvas = Figure(figsize=(12, 2 * height), dpi=120, layout="constrained")
    colours = dict(zip(dict.fromkeys(r.design for r in results), _COLOURS, strict=False))
    for axes, metric in zip(canvas.subplots(2, 2).flat, METRICS, strict=True):
        _draw_metric(axes, metric, results, colours)
    machine = measured.machine
    canvas.suptitle(
        f"{machine['processor']}, {machine['system']}, Python {machine['python']}", size=9
    )
    canvas.savefig(target, format=kind)


def _draw_metric(
    axes: Any,  # noqa: ANN401 - matplotlib's types would make it a dependency
    metric: Metric,
    results: list[Result],
    colours: dict[str, str],
) -> None:
    random = np.random.default_rng(1)
    wide = any(value > _WIDEST_MS for result in results for value in metric.values(result))
    shortest_ms = _SHORTEST_MS if wide else 0.0
    for row, result in enumerate(results):
        values = np.maximum(np.asarray(metric.values(result), float), shortest_ms)
        found = Distribution.of(values)
        if found is None:
            continue
        heights = row + random.uniform(-_SPREAD, _SPREAD, len(values))
        colour = colours[result.design]
        axes.scatter(values, heights, s=5, alpha=0.5, linewidths=0, color=colour)
        for value, width in ((found.p50, 2.0), (found.p99, 1.0)):
            axes.plot([value, value], [row - 0.4, row + 0.4], color="black", linewidth=width)
    if metric.budget is not None and metric.budget.p99 is not None:
        axes.axvline(metric.budget.p99, color="#2a9d4b", linestyle="--", linewidth=1)
        axes.annotate(
            f" {metric.budget.p99:g} ms",
            (metric.budget.p99, 0),
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
    axes.set_title(f"{metric.label}, ms", loc="left", size=10)
    axes.set_xlabel(f"{metric.meaning}\n(strokes: p50 and p99)", size=7)
    axes.grid(axis="x", linewidth=0.3)


def _label(result: Result, results: list[Result]) -> str:
    several = len({other.design for other in results}) > 1
    return f"{result.scenario}, {result.design}" if several else result.scenario
