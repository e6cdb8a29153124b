"""When a hold begins and when it ends: pure, in blocks of 10 ms.

IDLE ──likely speech over an answer──▶ HOLDING ──the service hears speech──▶ IDLE (cut)
  ▲    that may be held                   │
  └──no words, or no word of the service──┘
     in time (resume)

A second person or a television may go on speaking, and no service confirm it. `HoldBudget` bounds
how long the answer stands still for what is no interruption.
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

_RESERVE_MS = 4_000
_NO_WORDS_COST = 4
"""Milliseconds of the answer for each one in which it was held."""
_LEAST_UNCONFIRMED_COST, _MOST_UNCONFIRMED_COST = 2, 8
_OTHER_VOICE_AFTER_MS = 500
"""Without voice: longer than most gaps between words."""


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


class HoldBudget:
    """Bounds how long an answer is held without being cut.

    An answer that sounds earns what such holds cost. A cough or an assent may be followed by a word
    at once: they draw on a reserve, and without one the answer sounds four times as long as they
    hold it. A voice that the service did not confirm holds nothing more until it has paused and the
    answer has sounded for twice as long as it was held, then four times, then eight times.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin afresh: the answer is cut, or has ended."""
        self._balance_ms = _RESERVE_MS
        self._unconfirmed_cost = _LEAST_UNCONFIRMED_COST
        self._voiceless_ms = 0
        self._same_voice = False

    @property
    def allows(self) -> bool:
        """Whether a hold may begin."""
        return self._balance_ms >= 0 and not self._same_voice

    def hear(self, *, voiced: bool, sounding: bool) -> None:
        """Take one block; `sounding`: whether the answer sounds, and is not held."""
        if sounding:
            self._balance_ms = min(self._balance_ms + BLOCK_MS, _RESERVE_MS)
        self._voiceless_ms = 0 if voiced else self._voiceless_ms + BLOCK_MS
        if self._voiceless_ms >= _OTHER_VOICE_AFTER_MS:
            self._same_voice = False

    def spend(self, hold: HoldEnd) -> None:
        """Pay for a hold after which the answer goes on."""
        if hold.reason is Reason.NO_WORDS:
            self._balance_ms -= _NO_WORDS_COST * hold.lasted_ms
            return
        self._balance_ms = min(self._balance_ms, 0) - self._unconfirmed_cost * hold.lasted_ms
        self._unconfirmed_cost = min(2 * self._unconfirmed_cost, _MOST_UNCONFIRMED_COST)
        self._same_voice = True


class HoldRecovery:
    """Decides block by block. `release` is called when the service's verdict ends a hold.

    :param words_only: whether the service is sent words only: it is waited for from then on.
    :param interrupts: whether words interrupt the answer without the service's verdict: they hold
        it whatever was held before.
    :ivar holding: whether an answer is held.
    """

    def __init__(self, *, words_only: bool = False, interrupts: bool = False) -> None:
        self._words_only = words_only
        self._interrupts = interrupts
        self._budget = HoldBudget()
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
        voiced = voice >= _VOICED
        self._budget.hear(voiced=voiced, sounding=sounding and not self.holding)
        if self.holding:
            return self._go_on(voiced, certain, patience_ms)
        # Words that interrupted nothing in the latest hold do not begin another one.
        new_words = certain and not self._certain
        self._certain &= certain
        if likely and sounding and (self._budget.allows or (self._interrupts and new_words)):
            self._begin()
            return Action.HOLD
        return None

    def release(self) -> None:
        """End any hold without resuming: the answer is cut, or has ended."""
        self._budget.renew()
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
            self._budget.spend(self._end(Reason.NO_WORDS if lost else Reason.NOT_CONFIRMED))
            return Action.RESUME
        return Action.INTERRUPT if newly_certain else None

    def _end(self, reason: Reason) -> HoldEnd:
        self.holding = False
        self.latest = HoldEnd(reason, self._held_ms)
        return self.latest
