"""Tells playback when to hold an answer, and for how long the service's word is waited for."""

import math
from collections import deque
from collections.abc import Callable

from pipeline.ears.heard import Heard
from pipeline.ears.hold import Action, HoldRecovery, Reason
from pipeline.ears.near_end import NearSpeech
from pipeline.pcm import BLOCK_MS, NS_PER_MS
from pipeline.shm.state import SharedState

_FIRST_PATIENCE_MS = 1_000.0
_MARGIN_MS = 300.0
_LONGEST_PATIENCE_MS = 3_000.0
_REMEMBERED_DELAYS = 8
_ENDED_AFTER_MS = 300
_LEAST_TO_INTERRUPT_MS = 1_500.0
"""Patience of ears that interrupt: words that are a hum at first take longer than a quick service
does."""
_TAKEN_UP_AFTER_MS = 100
"""The network process looks every 20 ms whether it is to interrupt."""


class ServiceDelay:
    """How long the service takes to notice speech, from the ears' verdict to its event.

    Only the event that follows a hold counts, and only while the answer of that hold sounds on:
    what the service hears afterwards is other speech.

    :ivar patience_ms: how long a hold waits: 300 ms longer than the slowest of late.
    """

    def __init__(self) -> None:
        self._delays_ms: deque[float] = deque(maxlen=_REMEMBERED_DELAYS)
        self._begun_ns: int | None = None
        self.patience_ms = _FIRST_PATIENCE_MS

    def begin(self, now_ns: int) -> None:
        """A hold begins."""
        self._begun_ns = now_ns

    def forget(self) -> None:
        """The answer of the latest hold sounds no more."""
        self._begun_ns = None

    def end(self, heard_ns: int) -> None:
        """The service has told at `heard_ns` that it hears speech."""
        if self._begun_ns is not None:
            delay_ms = (heard_ns - self._begun_ns) / NS_PER_MS
            if 0 <= delay_ms <= _LONGEST_PATIENCE_MS:
                self._delays_ms.append(delay_ms)
                longest_ms = max(self._delays_ms)
                self.patience_ms = min(longest_ms + _MARGIN_MS, _LONGEST_PATIENCE_MS)
        self._begun_ns = None


class HoldControl:
    """Holds and resumes by the word that playback loads in every period.

    :param interrupts: whether certain speech interrupts the answer, without the service's word.
    :param words_only: whether the service is sent only what is certainly speech.
    :param resumed: told why each hold ended without a cut, and how long it lasted.
    """

    def __init__(
        self,
        state: SharedState,
        *,
        interrupts: bool = False,
        words_only: bool = False,
        resumed: Callable[[Reason, int], None],
    ) -> None:
        self._words = state.ears
        self._load_generation = state.network.generation.load
        self._load_speech_heard_ns = state.network.speech_heard_ns.load
        self._resumed = resumed
        self._recovery = HoldRecovery(words_only=words_only, interrupts=interrupts)
        self._interrupts = interrupts
        self._delay = ServiceDelay()
        self._silent_ms = 0  # since an answer sounded or was held
        self._interrupting_ms = 0  # left until the network process has certainly looked
        self._generation = self._load_generation()
        self._speech_heard_ns = self._load_speech_heard_ns()
        self._end_hold()  # a process before this one may have died in a hold

    @property
    def holding(self) -> bool:
        return self._recovery.holding

    @property
    def generation(self) -> int:
        """Number of interruptions, as `follow_service` found it."""
        return self._generation

    def follow_service(self) -> None:
        """Look whether the service has noticed speech, or cut the answer."""
        speech_heard_ns = self._load_speech_heard_ns()
        if speech_heard_ns != self._speech_heard_ns:
            self._speech_heard_ns = speech_heard_ns
            self._delay.end(speech_heard_ns)
        generation = self._load_generation()
        if generation != self._generation:
            self._generation = generation
            if self._recovery.holding:
                self._end_hold()
            self._recovery.release()

    def hear(self, heard: Heard, *, sounding: bool, now_ns: int) -> None:
        """Take what the ears made of a block; `sounding`: whether an answer can be held."""
        self._follow_answer(sounding=sounding)
        self._interrupting_ms = max(0, self._interrupting_ms - BLOCK_MS)
        action = self._recovery.hear(
            likely=heard.speech,
            certain=heard.near is NearSpeech.SPEECH,
            voice=heard.evidence.voice,
            sounding=sounding,
            patience_ms=self._patience_ms,
        )
        if action is Action.HOLD:
            self._delay.begin(now_ns)
            self._words.holds.add(1)
            self._words.hold.store(self._words.holds.load())
        elif action is Action.RESUME:
            self._end_hold()
            self._words.resumed.add(1)
            if (latest := self._recovery.latest) is not None:
                self._resumed(latest.reason, latest.lasted_ms)
        elif action is Action.INTERRUPT and self._interrupts:
            # barge-in: the network process takes it up within 20 ms; the answer is silent already.
            self._words.interrupt.store(self._generation + 1)
            self._interrupting_ms = _TAKEN_UP_AFTER_MS

    @property
    def _patience_ms(self) -> float:
        if self._interrupting_ms:
            return math.inf
        patience_ms = self._delay.patience_ms
        return max(patience_ms, _LEAST_TO_INTERRUPT_MS) if self._interrupts else patience_ms

    def _follow_answer(self, *, sounding: bool) -> None:
        """An answer that goes on after a hold is silent for a moment more."""
        held = self._recovery.holding
        self._silent_ms = 0 if sounding or held else self._silent_ms + BLOCK_MS
        if self._silent_ms == _ENDED_AFTER_MS:
            self._delay.forget()
            self._recovery.release()

    def _end_hold(self) -> None:
        """Let the answer go on; the next certain speech is news even if this changed nothing."""
        self._words.hold.store(0)
        self._words.interrupt.store(0)
        self._interrupting_ms = 0
