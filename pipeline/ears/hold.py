"""When a hold begins and when it ends: pure, in blocks of 10 ms.

IDLE ──likely speech over an answer──▶ HOLDING ──the service hears speech──▶ IDLE (cut)
  ▲                                       │
  └──no words, or no word of the service──┘
     in time (resume)
"""

from dataclasses import dataclass
from enum import Enum

from pipeline.pcm import BLOCK_MS

_LOST_AFTER_MS = 200
"""Without voice: longer than the gaps within words."""
_LEAST_VOICE_MS = 100
_LONGEST_MS = 3_500
"""Less than playback itself allows."""
_VOICED = 0.5


class Action(Enum):
    """What is to be done."""

    HOLD = "hold"
    """Fade to silence and keep the place."""
    RESUME = "resume"
    """Go on where the hold began."""
    INTERRUPT = "interrupt"
    """Cut the answer, if the service does not do that: a person certainly speaks."""


class Reason(Enum):
    """Why the latest hold ended."""

    NO_WORDS = "no words"
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
    """Decides block by block. `release` is called when the service's verdict ends a hold.

    :param words_only: whether the service is sent words only: it is waited for from then on.
    :ivar holding: whether an answer is held.
    """

    def __init__(self, *, words_only: bool = False) -> None:
        self._words_only = words_only
        self.latest: HoldEnd | None = None
        self.holding = False
        self._held_ms = 0
        self._waited_ms = 0  # for the service
        self._voiced_ms = 0
        self._voiceless_ms = 0
        self._certain = False

    def hear(
        self, *, likely: bool, certain: bool, voice: float, sounding: bool, patience_ms: float
    ) -> Action | None:
        """Take one block.

        :param likely: whether a person probably speaks
        :param certain: whether it is words that are heard
        :param voice: likelihood of speech in this block alone: a value that outlasts the voice
            would lengthen each of its syllables
        :param sounding: whether an answer sounds that can be held
        :param patience_ms: how long the service's word is waited for
        """
        if self.holding:
            return self._go_on(voice >= _VOICED, certain, patience_ms)
        if likely and sounding:
            self._begin()
            return Action.HOLD
        return None

    def release(self) -> None:
        """End the hold without resuming: the answer is cut, or has ended."""
        if self.holding:
            self._end(Reason.CONFIRMED)

    def _begin(self) -> None:
        self.holding = True
        self._held_ms = self._waited_ms = self._voiced_ms = self._voiceless_ms = 0
        self._certain = False

    def _go_on(self, voiced: bool, certain: bool, patience_ms: float) -> Action | None:
        self._held_ms += BLOCK_MS
        self._voiced_ms += BLOCK_MS if voiced else 0
        self._voiceless_ms = 0 if voiced else self._voiceless_ms + BLOCK_MS
        # What was said before the hold began makes nothing certain that is heard in it.
        newly_certain = certain and not self._certain and self._voiced_ms >= _LEAST_VOICE_MS
        self._certain |= newly_certain
        self._waited_ms += BLOCK_MS if self._certain or not self._words_only else 0
        lost = self._voiceless_ms >= _LOST_AFTER_MS and not self._certain
        if lost or self._waited_ms >= patience_ms or self._held_ms >= _LONGEST_MS:
            self._end(Reason.NO_WORDS if lost else Reason.NOT_CONFIRMED)
            return Action.RESUME
        return Action.INTERRUPT if newly_certain else None

    def _end(self, reason: Reason) -> None:
        self.holding = False
        self.latest = HoldEnd(reason, self._held_ms)
