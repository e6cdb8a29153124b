"""Tells playback when to hold an answer, and for how long the service's word is waited for."""

from collections import deque
from collections.abc import Callable

from pipeline.ears.certainty import SpeechCertainty
from pipeline.ears.ears import Heard
from pipeline.ears.hold import Action, HoldRecovery, Reason
from pipeline.pcm import NS_PER_MS
from pipeline.shm.state import SharedState

_FIRST_PATIENCE_MS = 1_000.0
_REMEMBERED_DELAYS = 8
_LONGEST_DELAY_MS = 3_000
"""Speech that the service notices later has nothing to do with the hold."""
_KNOWN_MS = 500.0
"""What `HoldRecovery` itself adds to the round trip."""


class ServiceDelay:
    """How long the service takes to notice speech, from the ears' verdict to its event."""

    def __init__(self) -> None:
        self._delays_ms: deque[float] = deque(maxlen=_REMEMBERED_DELAYS)

    def note(self, delay_ms: float) -> None:
        if 0 <= delay_ms <= _LONGEST_DELAY_MS:
            self._delays_ms.append(delay_ms)

    @property
    def round_trip_ms(self) -> float:
        """For `HoldRecovery`: a hold then lasts 300 ms longer than the slowest of late."""
        longest_ms = max(self._delays_ms, default=_FIRST_PATIENCE_MS - 300)
        return max(0.0, longest_ms + 300 - _KNOWN_MS)


class HoldControl:
    """Holds and resumes by the word that playback loads in every period.

    :param silero: whether Silero is there; otherwise earshot tells whether the voice goes on.
    :param interrupts: whether certain speech interrupts the answer, without the service's word.
    :param resumed: told why each hold ended without a cut, and how long it lasted.
    """

    def __init__(
        self,
        state: SharedState,
        *,
        silero: bool,
        interrupts: bool = False,
        resumed: Callable[[Reason, int], None],
    ) -> None:
        self._words = state.ears
        self._load_generation = state.network.generation.load
        self._load_speech_heard_ns = state.network.speech_heard_ns.load
        self._silero = silero
        self._resumed = resumed
        self._recovery = HoldRecovery()
        self._certainty = SpeechCertainty(silero=silero)
        self._interrupts = interrupts
        self._delay = ServiceDelay()
        self._generation = self._load_generation()
        self._speech_heard_ns = self._load_speech_heard_ns()
        self._begun_ns = 0
        self._end_hold()  # a process before this one may have died in a hold

    @property
    def holding(self) -> bool:
        return self._recovery.holding

    def follow_service(self) -> None:
        """Look whether the service has noticed speech, or cut the answer."""
        speech_heard_ns = self._load_speech_heard_ns()
        if speech_heard_ns != self._speech_heard_ns:
            self._speech_heard_ns = speech_heard_ns
            self._delay.note((speech_heard_ns - self._begun_ns) / NS_PER_MS)
        generation = self._load_generation()
        if generation != self._generation:
            self._generation = generation
            if self._recovery.holding:
                self._recovery.release()
                self._end_hold()

    def hear(self, heard: Heard, *, sounding: bool, now_ns: int) -> None:
        """Take what the ears made of a block; `sounding`: whether an answer can be held."""
        evidence = heard.evidence
        action = self._recovery.hear(
            likely=heard.speech,
            likelihood=evidence.silero if self._silero else evidence.earshot,
            sounding=sounding,
            round_trip_ms=self._delay.round_trip_ms,
        )
        if action is Action.HOLD:
            self._begun_ns = now_ns
            self._certainty.begin()
            self._words.holds.add(1)
            self._words.hold.store(self._words.holds.load())
        elif action is Action.RESUME:
            self._end_hold()
            self._words.resumed.add(1)
            if (latest := self._recovery.latest) is not None:
                self._resumed(latest.reason, latest.lasted_ms)
        elif self.holding and self._interrupts and self._certainty.reached(evidence):
            # barge-in: the network process takes it up within 20 ms; the answer is silent already.
            self._words.interrupt.store(self._generation + 1)

    def _end_hold(self) -> None:
        """Let the answer go on; the next certain speech is news even if this changed nothing."""
        self._words.hold.store(0)
        self._words.interrupt.store(0)
