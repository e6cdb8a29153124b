"""The report of conversations with a real service, and the files of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.bench.distribution import Distribution
from pipeline.bench.live import Conversation
from pipeline.bench.machine import machine_facts

_ROWS = {
    "cuts_ms": ("cut", "speech_started read → last stale sample at the device edge"),
    "speaks_ms": ("speak", "first delta read → first sample at the edge that is not silent"),
    "round_trips_ms": ("voice round trip", "end of a sentence → first sample of its answer"),
}


def show(conversations: Sequence[Conversation], console: Console) -> None:
    """Print the table and what its figures mean."""
    table = Table(
        title=f"\nMilliseconds, over {len(conversations)} conversation(s)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("", no_wrap=True)
    for heading in ("n", "p50", "p95", "p99", "max"):
        table.add_column(heading, justify="right")
    for field, (label, _) in _ROWS.items():
        values = _values(conversations, field)
        found = Distribution.of(values)
        cells = [f"{value:.1f}" for value in asdict(found).values()] if found else ["-"] * 4
        table.add_row(label, str(len(values)), *cells)
    console.print(table)
    for label, meaning in _ROWS.values():
        console.print(Text(f"{label}: {meaning}.", style="dim"))
    console.print(Text("Not measured: the card's own buffer, and a delay at its driver.", "dim"))


def write_json(path: Path, conversations: Sequence[Conversation], settings: dict[str, Any]) -> None:
    document = {
        "machine": machine_facts(),
        "settings": settings,
        "conversations": [asdict(conversation) for conversation in conversations],
    }
    path.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")


def _values(conversations: Sequence[Conversation], field: str) -> list[float]:
    return [value for conversation in conversations for value in getattr(conversation, field)]
