"""Files of what `bench ears` has measured: every value as JSON, and a drawing."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.bench.distribution import Distribution
from pipeline.bench.ears.report import EarsMeasured
from pipeline.bench.ears.result import EarsResult
from pipeline.bench.ears.verdict import added_microphone_ms

_ROW_INCHES = 0.4
_COLOURS = {"hold": "#0b6e99", "service": "#d1495b"}


def write_json(path: Path, measured: EarsMeasured, settings: dict[str, Any]) -> None:
    document = {
        "machine": measured.machine,
        "settings": settings,
        "disturbance": measured.disturbance,
        "clean_words": asdict(measured.clean),
        "added_microphone_ms": added_microphone_ms(measured.results),
        "results": [_result(result) for result in measured.results],
    }
    path.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")


def write_png(path: Path, measured: EarsMeasured) -> None:
    """Draw each interruption as a point."""
    from matplotlib.figure import Figure

    results = [result for result in measured.results if result.interruptions]
    canvas = Figure(figsize=(9, 1.3 + _ROW_INCHES * len(results)), dpi=120, layout="constrained")
    axes = canvas.subplots()
    random = np.random.default_rng(1)
    for row, result in enumerate(results):
        times_ms = [interruption.silence_ms for interruption in result.interruptions]
        heights = row + random.uniform(-0.25, 0.25, len(times_ms))
        axes.scatter(times_ms, heights, s=12, color=_COLOURS[result.situation.barge_in])
        if found := Distribution.of(times_ms):
            for value, width in ((found.p50, 2.0), (found.p95, 1.0)):
                axes.plot([value, value], [row - 0.4, row + 0.4], color="black", linewidth=width)
    axes.set_yticks(range(len(results)), [result.situation.name for result in results], size=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_title(
        "A person begins to speak over an answer → it is silent, ms", loc="left", size=10
    )
    axes.set_xlabel("strokes: p50 and p95", size=7)
    axes.grid(axis="x", linewidth=0.3)
    canvas.savefig(path, format="png")


def _result(result: EarsResult) -> dict[str, Any]:
    silences = Distribution.of(i.silence_ms for i in result.interruptions)
    return {
        **asdict(result),
        "silence_ms": asdict(silences) if silences else None,
        "missed": result.missed,
        "false_pauses": result.false_pauses,
    }
