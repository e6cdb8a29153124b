"""Where the user's turns begin and end, as the ears hear it.

speech ≥ 200 ms ──▶ begin (before the first of it) ── silence ──▶ end (shortly after the last)
"""

from pipeline.ears.heard import Heard
from pipeline.pcm import BLOCK_MS, NS_PER_MS
from pipeline.shm.fields import EarsFields

_ENOUGH_SPEECH_MS = 200
_FORGIVEN_GAP_MS = 100
_BEGINS = 0.5
_GOES_ON = 0.35
_REMEMBERED_MS = 50
"""Evidence is the highest of so long: it lasts longer than the speech."""
_TAIL_MS = 200
"""Sound that still belongs to the turn: the end of a word may be too quiet to be noticed."""


class Endpointer:
    """Takes blocks of 10 ms, and keeps the times of the latest turn.

    :param prefix_ms: sound before the first speech that belongs to the turn.
    :param silence_ms: silence that ends a turn.
    :param speaking: whether a turn has begun already.
    :ivar begin_ns: where the latest turn begins, ``time.monotonic_ns``; 0: there was none.
    :ivar end_ns: where it ends, if it is not `speaking`.
    """

    def __init__(self, prefix_ms: int, silence_ms: int, *, speaking: bool = False) -> None:
        self._prefix_ns = prefix_ms * NS_PER_MS
        self._silence_ms = max(silence_ms, _REMEMBERED_MS + BLOCK_MS)
        self._tail_ns = (min(_TAIL_MS, silence_ms) - _REMEMBERED_MS) * NS_PER_MS
        self.speaking = speaking
        self.begin_ns = self.end_ns = 0
        self._first_ns = self._last_ns = 0  # of the speech
        self._speech_ms = 0
        self._quiet_ms = 0  # since the latest speech

    def hear(self, likelihood: float, captured_at_ns: int, *, trusted: bool) -> bool:
        """Take the block that was captured then; returns whether a turn begins or ends with it.

        :param likelihood: of speech, the highest of the latest 50 ms.
        :param trusted: whether what looks like speech cannot be the program's own voice.
        """
        voiced = likelihood >= (_GOES_ON if self.speaking else _BEGINS)
        if voiced and (trusted or self.speaking):
            self._last_ns = captured_at_ns + BLOCK_MS * NS_PER_MS
            self._quiet_ms = _REMEMBERED_MS
            return not self.speaking and self._begins(captured_at_ns)
        self._quiet_ms += BLOCK_MS
        return self._ends(captured_at_ns) if self.speaking else self._waits()

    def _begins(self, captured_at_ns: int) -> bool:
        if not self._speech_ms:
            self._first_ns = captured_at_ns
        self._speech_ms += BLOCK_MS
        if self._speech_ms < _ENOUGH_SPEECH_MS:
            return False
        self.speaking = True
        self.begin_ns = max(self._first_ns - self._prefix_ns, self.end_ns + 1)
        return True

    def _ends(self, captured_at_ns: int) -> bool:
        if self._quiet_ms < self._silence_ms:
            return False
        self.speaking = False
        self._speech_ms = 0
        self.end_ns = (self._last_ns or captured_at_ns) + self._tail_ns
        return True

    def _waits(self) -> bool:
        if self._quiet_ms > _REMEMBERED_MS + _FORGIVEN_GAP_MS:
            self._speech_ms = 0
        return False


class TurnMarks:
    """Tells the network process where turns begin and end.

    :param silero: whether Silero is there; otherwise earshot tells what is speech.

    A process that takes the place of another ends the turn that the other had begun.
    """

    def __init__(self, words: EarsFields, prefix_ms: int, silence_ms: int, *, silero: bool) -> None:
        self._words = words
        self._silero = silero
        speaking = words.turn_begin_ns.load() > words.turn_end_ns.load()
        self._endpointer = Endpointer(prefix_ms, silence_ms, speaking=speaking)
        self._endpointer.end_ns = words.turn_end_ns.load()

    def hear(self, heard: Heard, captured_at_ns: int, *, sounding: bool) -> None:
        """Take what the ears made of a block; `sounding`: whether an answer sounds or rings."""
        evidence, endpointer = heard.evidence, self._endpointer
        likelihood = evidence.silero if self._silero else evidence.earshot
        trusted = heard.speech or not sounding
        if not endpointer.hear(likelihood, captured_at_ns, trusted=trusted):
            return
        # turns: the end of a turn is stored before the begin of the next, and loaded before it.
        if endpointer.speaking:
            self._words.turn_begin_ns.store(endpointer.begin_ns)
        else:
            self._words.turn_end_ns.store(endpointer.end_ns)
