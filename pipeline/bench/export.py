"""Files of measured values: JSON with every value, HTML and PNG with the report."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.bench.distribution import Distribution
from pipeline.bench.drawing import draw
from pipeline.bench.live import Conversation
from pipeline.bench.machine import machine_facts
from pipeline.bench.metrics import CIRCUMSTANCES, FAULTS, METRICS
from pipeline.bench.report import Measured, show
from pipeline.bench.result import Result
from pipeline.bench.tables import WIDTH


def write_json(path: Path, measured: Measured, settings: dict[str, Any]) -> None:
    _write_document(
        path,
        machine=measured.machine,
        settings=settings,
        handoff_us=_all(measured.handoffs.ring_us),
        bare_wake_up_us=_all(measured.handoffs.bare_us),
        results=[_result(result) for result in measured.results],
    )


def write_live_json(
    path: Path, conversations: Sequence[Conversation], settings: dict[str, Any]
) -> None:
    _write_document(
        path,
        machine=machine_facts(),
        settings=settings,
        conversations=[asdict(conversation) for conversation in conversations],
    )


def write_png(path: Path, measured: Measured) -> None:
    draw(measured, path, "png")


def write_html(path: Path, measured: Measured) -> None:
    """Write one page that loads no other file."""
    picture = io.BytesIO()
    draw(measured, picture, "svg")
    source = base64.b64encode(picture.getvalue()).decode("ascii")
    console = Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True)
    show(measured, console)
    report = console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")
    title = html.escape("How fast an interruption silences the sound")
    path.write_text(
        f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 2em }} pre {{ overflow-x: auto }}
img {{ max-width: 100% }}</style>
<h1>{title}</h1>
<img alt="Distributions of all measured times" src="data:image/svg+xml;base64,{source}">
{report}
</html>
""",
        encoding="utf-8",
    )


def _write_document(path: Path, **content: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    path.write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")


def _result(result: Result) -> dict[str, Any]:
    return {
        **asdict(result),
        "distributions": {f.key: _distribution(f.values(result)) for f in METRICS},
        "faults": {fault.key: fault.value(result) for fault in FAULTS},
        "circumstances": {count.key: count.value(result) for count in CIRCUMSTANCES},
        "missed": [period._asdict() for period in result.missed],
        "stalls": [stall._asdict() for stall in result.stalls.all],
        "watched_for_stalls": result.stalls.watched,
    }


def _all(values: tuple[float, ...]) -> dict[str, Any]:
    return {"distribution": _distribution(values), "values": values}


def _distribution(values: Any) -> dict[str, float] | None:  # noqa: ANN401 - any iterable of numbers
    found = Distribution.of(values)
    return asdict(found) if found else None
