"""One turn of the user's speech, from its first sound to its end: by its sound and its words.

While an answer sounds, a turn is reported to the client only once it is more than a filler. At the
end of a turn its words may ask for more time. Both decisions wait for recognition at that position
of the sound, and are made in audio time.
"""

from dataclasses import dataclass

from pipeline.emulator.turns.answer_control import AnswerControl
from pipeline.emulator.turns.endpointing import (
    SpeechEnding,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnEvent,
)
from pipeline.emulator.turns.finished_turns import FinishedTurns
from pipeline.emulator.turns.listener import Listener
from pipeline.emulator.turns.recognition import Recognition, Words, text_of
from pipeline.emulator.turns.semantics import Semantics
from pipeline.emulator.turns.utterance import doubt, is_filler
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import event, new_id

_FILLER_CHECK_MS = 256
"""How often speech during an answer is checked for words: about once a syllable."""
_LONGEST_FILLER_MS = 768


@dataclass(slots=True)
class _Turn:
    """The user is speaking, or may have just stopped."""

    item_id: str
    start_ms: int
    next_check_ms: int
    report_at_ms: int
    """Speech that lasts until here is reported, whatever its words are."""
    is_reported: bool = False
    """False while it may be a filler that does not interrupt an answer."""
    guess: Words | None = None
    """Recognition of the turn as if it had ended at the pause."""

    def drop_guess(self) -> None:
        if self.guess is not None:
            self.guess.cancel()
            self.guess = None


class SpokenTurns:
    """Follows the events of a listener, one turn after the other. `semantics` may be replaced."""

    def __init__(
        self,
        listener: Listener,
        recognition: Recognition,
        finished: FinishedTurns,
        answers: AnswerControl,
        sink: EventSink,
    ) -> None:
        self._listener = listener
        self._recognition = recognition
        self._finished = finished
        self._answers = answers
        self._sink = sink
        self._turn: _Turn | None = None
        self.semantics = Semantics()

    async def follow(self, change: TurnEvent | None) -> None:
        """Handle what the listener found in its last window."""
        turn = self._turn
        match change:
            case SpeechStarted(start_ms):
                self._begin(start_ms)
            case None if turn is not None and not turn.is_reported:
                await self._check_filler(turn)
            case SpeechPaused(at_ms) if turn is not None:
                turn.guess = self._recognition.begin(turn.start_ms, at_ms)
                await self._paused(turn)
            case SpeechResumed() if turn is not None:
                turn.drop_guess()
                self._answers.drop_prepared()
            case SpeechEnding(at_ms) if turn is not None:
                await self._end_or_wait(turn, at_ms)
            case SpeechStopped(end_ms) if turn is not None:
                await self._stopped(turn, end_ms)
            case _:
                pass

    def abandon(self) -> str | None:
        """Drop the turn, if there is one; return the id that its item would have had."""
        turn, self._turn = self._turn, None
        if turn is None:
            return None
        turn.drop_guess()
        return turn.item_id

    def _begin(self, start_ms: int) -> None:
        now_ms = self._listener.position_ms
        turn = self._turn = _Turn(
            new_id("item"), start_ms, now_ms + _FILLER_CHECK_MS, now_ms + _LONGEST_FILLER_MS
        )
        if not (self.semantics.ignores_fillers and self._answers.is_sounding):
            self._report(turn)

    async def _check_filler(self, turn: _Turn) -> None:
        """Report speech during an answer as soon as it is more than a filler."""
        now_ms = self._listener.position_ms
        if now_ms >= turn.report_at_ms or not self._answers.is_sounding:
            self._report(turn)
        elif now_ms >= turn.next_check_ms:
            turn.next_check_ms += _FILLER_CHECK_MS
            if not await _is_filler(self._recognition.begin(turn.start_ms, now_ms)):
                self._report(turn)

    async def _paused(self, turn: _Turn) -> None:
        """Report or drop a possible filler; prepare the answer to a turn that is reported."""
        if not turn.is_reported and not await self._report_or_drop(turn):
            return
        if turn.guess is not None:
            self._answers.prepare(turn.guess)

    async def _report_or_drop(self, turn: _Turn) -> bool:
        """Drop speech during an answer if it is a filler, else report it; return if reported."""
        words = turn.guess or self._recognition.begin(turn.start_ms, self._listener.position_ms)
        if await _is_filler(words) and self._answers.is_sounding:
            self.abandon()
            self._listener.abandon_turn()
            return False
        self._report(turn)
        return True

    def _report(self, turn: _Turn) -> None:
        turn.is_reported = True
        self._sink.put(
            event(
                "input_audio_buffer.speech_started",
                audio_start_ms=turn.start_ms,
                item_id=turn.item_id,
            )
        )
        self._answers.interrupt()

    async def _end_or_wait(self, turn: _Turn, at_ms: int) -> None:
        """Decide by the words whether the silence ends the turn."""
        turn.guess = turn.guess or self._recognition.begin(turn.start_ms, at_ms)
        text = await text_of(turn.guess)
        if text is not None and self.semantics.wants_more_time(doubt(text)):
            self._listener.wait_longer(self.semantics.patience_ms)
        elif (stopped := self._listener.end_turn()) is not None:
            await self._stopped(turn, stopped.end_ms)

    async def _stopped(self, turn: _Turn, end_ms: int) -> None:
        if not turn.is_reported and not await self._report_or_drop(turn):
            return
        self._sink.put(
            event("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id)
        )
        self._listener.turn_ended(end_ms)
        words = turn.guess or self._recognition.begin(turn.start_ms, end_ms)
        self._turn = None
        self._answers.answer(await self._finished.add(turn.item_id, end_ms - turn.start_ms, words))


async def _is_filler(words: Words) -> bool:
    text = await text_of(words)
    return text is not None and is_filler(text)
