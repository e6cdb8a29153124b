"""What `bench` measures: a client, of one process or of several.

A client plays and records WAV files on the virtual card, and talks with the endpoint of its
settings.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.bench.stalls import MissedPeriods, Stalls
from pipeline.config.settings import Settings
from pipeline.ipc.events import EventRead, MissedPeriod


@dataclass(slots=True)
class ClientState:
    """What a client has reported so far."""

    clock_starts_ns: dict[str, int] = field(default_factory=dict)
    """When the clocks of "speaker" and "microphone" started, ``time.monotonic_ns``."""
    missed: dict[str, list[MissedPeriod]] = field(
        default_factory=lambda: {"speaker": [], "microphone": []}
    )
    """Callbacks of each that took longer than the card's buffer lasts."""
    played_samples: int = 0
    """Samples of answers that were played."""
    events: list[EventRead] = field(default_factory=list)
    """Events of the service that were read, if the client is verbose."""
    finished: bool = False
    """Whether the microphone's file has been played and answered."""
    playout_waited_ns: int = 0
    """How long answers were held back by the playout delay."""

    def missed_since(self, begin_ns: int, stalls: Stalls, period_ns: int) -> MissedPeriods:
        """Return the missed periods of both cards that were due at `begin_ns` or later."""
        own, excused = [], []
        for periods in self.missed.values():
            classified = stalls.classify((p for p in periods if p.due_ns >= begin_ns), period_ns)
            own += classified.own
            excused += classified.excused
        return MissedPeriods(own, excused)

    @property
    def running(self) -> bool:
        return {"speaker", "microphone"} <= self.clock_starts_ns.keys()


class Client(Protocol):
    """A client that has been started."""

    state: ClientState

    def wait_reports(self, timeout_s: float) -> None:
        """Update `state` from reports that arrive within `timeout_s`.

        :raises PipelineError: the client has ended by itself.
        """

    def processes(self) -> dict[str, int]:
        """Return its processes as names and process ids."""


@dataclass(frozen=True, slots=True)
class Design:
    """A kind of client: how it is started, and what may be expected of it."""

    name: str
    period_ms: float
    """Of its card; a virtual card buffers one period in each direction."""
    frame_ms: int
    """Of its microphone frames."""
    plays_on_ms: int
    """How long it may go on sounding after an interruption."""
    plays_late_deltas: bool
    start: Callable[[Settings], AbstractContextManager[Client]]
    device: str | None = None
    """A real speaker, whose sound is recorded; None for a virtual one."""
