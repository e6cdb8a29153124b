"""What `bench` can be asked for. Imports nothing that is slow, for the command line's sake."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.settings import Settings

CUTS = 100
"""In each scenario: the fewest for which a p99 is more than the maximum."""

CONVERSATIONS = 10
"""With a real service; each has one interruption."""

QUICK: dict[str, Any] = {"cuts": 20, "conversations": 2}


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """One run of `bench`."""

    scenarios: tuple[str, ...] = ()
    """Names; all if there are none."""
    cuts: int = CUTS
    """In each scenario."""
    compare: bool = False
    service: Settings | None = None
    """With the endpoint of a real one to talk with, instead of the scripted one."""
    conversations: int = CONVERSATIONS
    let_sleep: bool = False
    """Processors that have nothing to do."""
    device: str | None = None
    """A real speaker, number or part of its name, instead of the virtual one."""
    period_ms: float = 5.0
    frame_ms: int = 50
    seed: int = 1
    json: Path | None = None
    html: Path | None = None
    png: Path | None = None
    max_cut_ms: float | None = None
    """For the p99 of each scenario."""
    max_dropouts: int | None = None
    """In each scenario."""
