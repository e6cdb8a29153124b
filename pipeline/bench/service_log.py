"""What the scripted service notes: times are ``time.monotonic_ns``, taken just before a write."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Delta:
    """A piece of an answer."""

    start_samples: int
    end_samples: int
    sent_ns: int


@dataclass(slots=True)
class Turn:
    """One utterance, its answer and the interruption."""

    number: int
    utterance_end_samples: int
    """Microphone samples up to the end of the utterance."""
    recognised_ns: int
    """When the service had received that end."""
    first_delta_ns: int = 0
    speech_started_ns: int = 0
    deltas: list[Delta] = field(default_factory=list)
    remembered_ms: int | None = None
    """What the client said was heard: 0 if it deleted the item, None if it said nothing."""

    @property
    def sent_samples(self) -> int:
        return self.deltas[-1].end_samples if self.deltas else 0


@dataclass(slots=True)
class ServiceLog:
    """All that the service saw."""

    turns: list[Turn] = field(default_factory=list)
    appends: list[tuple[int, int]] = field(default_factory=list)
    """Arrival of each microphone frame, and samples received by then."""
    wrong_samples: int = 0
    """Received samples that differ from what the microphone picked up at that place."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """Turn `number` needs no more of the service."""

    number: int
