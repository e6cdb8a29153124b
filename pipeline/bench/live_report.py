"""The report of conversations with a real service."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from pipeline.bench.live import Conversation
from pipeline.bench.tables import distribution_table

_ROWS = {
    "cuts_ms": ("cut", "speech_started read → last stale sample at the device edge"),
    "speaks_ms": ("speak", "first delta read → first sample at the edge that is not silent"),
    "round_trips_ms": ("voice round trip", "end of a sentence → first sample of its answer"),
}


def show(conversations: Sequence[Conversation], console: Console) -> None:
    """Print what the times mean, then their table."""
    for label, meaning in _ROWS.values():
        console.print(Text(f"{label}: {meaning}.", style="dim"))
    console.print(Text("Not measured: the card's own buffer, and a delay at its driver.", "dim"))
    rows = [(label, _values(conversations, field)) for field, (label, _) in _ROWS.items()]
    title = f"Milliseconds, over {len(conversations)} conversation(s)"
    console.print(distribution_table(title, rows))


def _values(conversations: Sequence[Conversation], field: str) -> list[float]:
    return [value for conversation in conversations for value in getattr(conversation, field)]
