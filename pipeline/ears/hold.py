"""When a hold begins and when it ends: pure, in blocks of 10 ms.

IDLE ──likely speech over an answer──▶ HOLDING ──the service hears speech──▶ IDLE (cut)
  ▲                                       │
  └──too little speech, or no word from───┘
     the service in time (resume)
"""

from dataclasses import dataclass
from enum import Enum

from pipeline.pcm import BLOCK_MS

_ENOUGH_SPEECH_MS = 200
"""The service needs about so much speech to notice it."""
_LOST_AFTER_MS = 150
"""Without voice: longer than the gaps within words."""
_VOICED = 0.5
_SERVICE_MARGIN_MS = 300
_LONGEST_MS = 3_000


class Action(Enum):
    """What playback is to do."""

    HOLD = "hold"
    """Fade to silence and keep the place."""
    RESUME = "resume"
    """Go on where the hold began."""


class Reason(Enum):
    """Why the latest hold ended."""

    TOO_SHORT = "too short"
    """A cough, a click, an assent."""
    NOT_CONFIRMED = "not confirmed"
    """The service heard no speech in time."""
    CONFIRMED = "confirmed"
    """The service heard speech too, or the answer ended otherwise."""


@dataclass(frozen=True, slots=True)
class HoldEnd:
    """The latest hold that ended."""

    reason: Reason
    lasted_ms: int


class HoldRecovery:
    """Decides block by block. `release` is called when the service's verdict ends a hold."""

    def __init__(self) -> None:
        self.latest: HoldEnd | None = None
        self._holding = False
        self._held_ms = 0
        self._speech_ms = 0
        self._voiceless_ms = 0

    @property
    def holding(self) -> bool:
        return self._holding

    def hear(
        self, *, likely: bool, likelihood: float, sounding: bool, round_trip_ms: float
    ) -> Action | None:
        """Take one block.

        :param likely: the ears' verdict
        :param likelihood: Silero's, of the latest windows
        :param sounding: whether an answer sounds that can be held
        :param round_trip_ms: measured time from here to the service and back
        """
        if self._holding:
            return self._go_on(likelihood >= _VOICED, round_trip_ms)
        if likely and sounding:
            self._begin()
            return Action.HOLD
        return None

    def release(self) -> None:
        """End the hold without resuming: the answer is cut, or has ended."""
        if self._holding:
            self._end(Reason.CONFIRMED)

    def _begin(self) -> None:
        self._holding = True
        self._held_ms = self._speech_ms = self._voiceless_ms = 0

    def _go_on(self, voiced: bool, round_trip_ms: float) -> Action | None:
        self._held_ms += BLOCK_MS
        self._speech_ms += BLOCK_MS if voiced else 0
        self._voiceless_ms = 0 if voiced else self._voiceless_ms + BLOCK_MS
        lost = self._voiceless_ms >= _LOST_AFTER_MS and self._speech_ms < _ENOUGH_SPEECH_MS
        patience_ms = min(_ENOUGH_SPEECH_MS + round_trip_ms + _SERVICE_MARGIN_MS, _LONGEST_MS)
        if lost or self._held_ms >= patience_ms:
            self._end(Reason.TOO_SHORT if lost else Reason.NOT_CONFIRMED)
            return Action.RESUME
        return None

    def _end(self, reason: Reason) -> None:
        self._holding = False
        self.latest = HoldEnd(reason, self._held_ms)
