"""What the scripted service logs. Times are ``time.monotonic_ns``, taken just before a write."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Delta:
    """A piece of an answer."""

    start_samples: int
    end_samples: int
    sent_ns: int


@dataclass(slots=True)
class Turn:
    """One utterance, its answer and the interruption of the answer."""

    number: int
    utterance_end_samples: int
    """Microphone samples up to the end of the utterance."""
    recognised_ns: int
    """When the service had received that end."""
    first_delta_ns: int = 0
    speech_started_ns: int = 0
    deltas: list[Delta] = field(default_factory=list)
    remembered_ms: int | None = None
    """How much of the answer the client reported as heard: 0 if it deleted the item, None if it
    reported nothing."""

    @property
    def sent_samples(self) -> int:
        return self.deltas[-1].end_samples if self.deltas else 0


@dataclass(slots=True)
class ServiceLog:
    """Everything that the service logged in one run."""

    turns: list[Turn] = field(default_factory=list)
    appends: list[tuple[int, int]] = field(default_factory=list)
    """Arrival of each microphone frame, and the number of samples received by then."""
    unread_ns: list[tuple[int, int]] = field(default_factory=list)
    """Spans of time in which nothing was read, on purpose."""
    wrong_samples: int = 0
    """Number of received samples that differ from the microphone's file at their place."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """Turn `number` has ended for the service."""

    number: int
