"""Options of `bench`. Imports nothing slow, so that `--help` is instant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.settings import Settings

CUTS = 100
"""In each scenario; with fewer, the p99 would be the maximum."""

CONVERSATIONS = 10
"""With a real service; each has one interruption."""

QUICK: dict[str, Any] = {"cuts": 20, "conversations": 2}


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """One run of `bench`."""

    scenarios: tuple[str, ...] = ()
    """Names of the scenarios to measure; empty for all."""
    cuts: int = CUTS
    """Interruptions in each scenario."""
    compare: bool = False
    service: Settings | None = None
    """Settings of a real service to talk with; None for the scripted one."""
    conversations: int = CONVERSATIONS
    let_sleep: bool = False
    """Whether idle processors may sleep."""
    device: str | None = None
    """A real speaker, by number or part of its name; None for the virtual one."""
    period_ms: float = 5.0
    frame_ms: int = 50
    seed: int = 1
    json: Path | None = None
    html: Path | None = None
    png: Path | None = None
    max_cut_ms: float | None = None
    """Limit of the p99 in each scenario."""
    max_dropouts: int | None = None
    """Limit in each scenario."""
