"""What `bench` needs to know of a client, however many processes it consists of.

A client plays and records WAV files on the virtual card, and talks with the endpoint it is given.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.bench.stalls import MissedPeriods, Stalls
from pipeline.config.settings import Settings
from pipeline.ipc.reports import EventRead, MissedPeriod


@dataclass(slots=True)
class ClientState:
    """What a client tells of itself."""

    clock_starts_ns: dict[str, int] = field(default_factory=dict)
    """Of "speaker" and "microphone", as soon as they run."""
    missed: dict[str, list[MissedPeriod]] = field(
        default_factory=lambda: {"speaker": [], "microphone": []}
    )
    """Callbacks of each so far that took longer than the card's buffer lasts."""
    played_samples: int = 0
    """Of answers, so far."""
    events: list[EventRead] = field(default_factory=list)
    """What the service said so far, if the client is verbose."""
    finished: bool = False
    """Whether the microphone's file has been spoken and answered."""
    playout_waited_ns: int = 0
    """How long answers were held back so far, in order not to run dry."""

    def missed_since(self, begin_ns: int, stalls: Stalls, period_ns: int) -> MissedPeriods:
        """Periods of either card that were due from `begin_ns` on."""
        own, excused = [], []
        for periods in self.missed.values():
            judged = stalls.judge((p for p in periods if p.due_ns >= begin_ns), period_ns)
            own += judged.own
            excused += judged.excused
        return MissedPeriods(own, excused)

    @property
    def running(self) -> bool:
        return {"speaker", "microphone"} <= self.clock_starts_ns.keys()


class Client(Protocol):
    """A client that has been started."""

    state: ClientState

    def wait_reports(self, timeout_s: float) -> None:
        """Update the facts; a PipelineError if the client has ended by itself."""

    def processes(self) -> dict[str, int]:
        """Names and ids of its processes."""


@dataclass(frozen=True, slots=True)
class Design:
    """A client as it can be started, and what one may expect of it."""

    name: str
    period_ms: float
    """Of its card; also how much a virtual card buffers in each direction."""
    frame_ms: int
    """Of its microphone frames."""
    plays_on_ms: int
    """How long it may go on sounding after an interruption."""
    plays_late_deltas: bool
    start: Callable[[Settings], AbstractContextManager[Client]]
    device: str | None = None
    """A real speaker to play on, which is tapped; None for a virtual one."""
