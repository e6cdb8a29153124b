"""When a turn of speech begins and ends: probabilities in, events out, in audio time.

It reads no clock: audio that arrives faster or slower than it was spoken has the same turns. A
turn begins with the first window of probable speech, once `speech_duration_ms` of speech have
followed, and ends `silence_duration_ms` after its last speech. With `asks_for_words` the end is a
question, `SpeechEnding`: the caller answers it by the words, and may grant the speaker more time.
"""

from dataclasses import dataclass

from pipeline.emulator.audio.pcm16k import WINDOW_MS


@dataclass(frozen=True, slots=True)
class EndpointingRules:
    """The parameters of a turn; the defaults are those of `server_vad`."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    speech_duration_ms: int = 200


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """`start_ms` is the first speech less the prefix padding, but after the previous turn."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The speaker may have finished: recognition of the turn so far can begin."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The speaker has gone on after a pause."""


@dataclass(frozen=True, slots=True)
class SpeechEnding:
    """The silence would end the turn: the caller must now call `end` or `wait_longer`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The turn is over. `end_ms` includes the silence that ended it."""

    end_ms: int


TurnEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnding | SpeechStopped


class TurnDetector:
    """Takes the probability of speech in each window of 32 ms."""

    PAUSE_MS = 200
    LONGEST_TURN_MS = 120_000
    _HYSTERESIS = 0.15
    _FORGIVEN_GAP_MS = 100

    def __init__(
        self, rules: EndpointingRules, position_ms: int = 0, *, asks_for_words: bool = False
    ) -> None:
        self.rules = rules
        self.asks_for_words = asks_for_words
        self.position_ms = position_ms
        self._turn_start_ms: int | None = None
        self._previous_end_ms = position_ms
        self._first_speech_ms: int | None = None
        self._speech_ms = 0
        self._silence_ms = 0
        self._paused = False
        self._patience_ms: int | None = None

    @property
    def speaking(self) -> bool:
        return self._turn_start_ms is not None

    @property
    def earliest_start_ms(self) -> int:
        """The position before which audio cannot belong to the current or a later turn."""
        if self._turn_start_ms is not None:
            return self._turn_start_ms
        first_ms = self.position_ms if self._first_speech_ms is None else self._first_speech_ms
        return self._padded(first_ms)

    def hear(self, probability: float) -> TurnEvent | None:
        """Advance by one window; return the event that it causes, if any."""
        window_start_ms = self.position_ms
        self.position_ms += WINDOW_MS
        if probability >= self.rules.threshold:
            return self._hear_speech(window_start_ms)
        if self._silence_ms == 0 and probability >= self.rules.threshold - self._HYSTERESIS:
            return self._end_if_too_long()
        return self._hear_silence()

    def end(self) -> SpeechStopped:
        """End the turn here."""
        self.reset()
        return SpeechStopped(self.position_ms)

    def wait_longer(self, patience_ms: int) -> None:
        """Lengthen the silence that ends this turn by `patience_ms`."""
        self._patience_ms = patience_ms

    def reset(self) -> None:
        """Drop the turn; the position stays."""
        self._previous_end_ms = self.position_ms
        self._turn_start_ms = None
        self._forget_speech()

    def _hear_speech(self, window_start_ms: int) -> TurnEvent | None:
        self._silence_ms = 0
        if self._turn_start_ms is not None:
            return self._resume() if self._paused else self._end_if_too_long()
        if self._first_speech_ms is None:
            self._first_speech_ms = window_start_ms
        self._speech_ms += WINDOW_MS
        if self._speech_ms < self.rules.speech_duration_ms:
            return None
        self._turn_start_ms = self._padded(self._first_speech_ms)
        return SpeechStarted(self._turn_start_ms)

    def _hear_silence(self) -> TurnEvent | None:
        self._silence_ms += WINDOW_MS
        if self._turn_start_ms is None:
            if self._silence_ms > self._FORGIVEN_GAP_MS:
                self._forget_speech()
            return None
        if self._silence_ms >= self.rules.silence_duration_ms + (self._patience_ms or 0):
            return self._end_or_ask()
        if self._silence_ms >= self.PAUSE_MS and not self._paused:
            self._paused = True
            return SpeechPaused(self.position_ms)
        return self._end_if_too_long()

    def _end_or_ask(self) -> SpeechStopped | SpeechEnding:
        if not self.asks_for_words or self._patience_ms is not None:
            return self.end()
        self._paused = True
        return SpeechEnding(self.position_ms)

    def _resume(self) -> SpeechResumed:
        self._paused = False
        self._patience_ms = None
        return SpeechResumed()

    def _end_if_too_long(self) -> SpeechStopped | None:
        if self._turn_start_ms is None:
            return None
        too_long = self.position_ms - self._turn_start_ms >= self.LONGEST_TURN_MS
        return self.end() if too_long else None

    def _forget_speech(self) -> None:
        self._first_speech_ms = None
        self._speech_ms = 0
        self._silence_ms = 0
        self._paused = False
        self._patience_ms = None

    def _padded(self, first_speech_ms: int) -> int:
        return max(self._previous_end_ms, first_speech_ms - self.rules.prefix_padding_ms)
