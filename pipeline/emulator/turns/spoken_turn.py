"""One turn of the user's speech, from its first sound to its end: by its sound and its words.

During an answer a turn is not told to the client until it is more than a filler. At its end the
words may ask for more time. Both wait for recognition at that point of the sound, and are decided
in audio time.
"""

from dataclasses import dataclass

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.responses.answering import Answering
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.turns.endpointing import (
    SpeechEnding,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnEvent,
)
from pipeline.emulator.turns.interruption import interrupt
from pipeline.emulator.turns.listener import Listener
from pipeline.emulator.turns.recognition import Recognition, Words, text_of
from pipeline.emulator.turns.semantics import Semantics
from pipeline.emulator.turns.user_speech import UserSpeech
from pipeline.emulator.turns.utterance import doubt, is_filler
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import event, new_id

_FILLER_CHECK_MS = 256
"""How often speech during an answer is looked at; about a syllable."""
_LONGEST_FILLER_MS = 768


@dataclass(slots=True)
class _Turn:
    """The user is speaking, or may have just stopped."""

    item_id: str
    start_ms: int
    next_check_ms: int
    report_at_ms: int
    is_reported: bool = False
    """Not while it may be a filler that an answer need not stop for."""
    guess: Words | None = None
    """Recognition of the turn as if it had ended at the pause."""

    def drop_guess(self) -> None:
        if self.guess is not None:
            self.guess.cancel()
            self.guess = None


class SpokenTurns:
    """Follows what a listener hears, one turn after the other."""

    def __init__(
        self,
        listener: Listener,
        recognition: Recognition,
        *,
        configuration: Configuration,
        conversation: ConversationHistory,
        answering: Answering,
        user_speech: UserSpeech,
        sink: EventSink,
    ) -> None:
        self._listener = listener
        self._recognition = recognition
        self._configuration = configuration
        self._conversation = conversation
        self._answering = answering
        self._user_speech = user_speech
        self._sink = sink
        self._turn: _Turn | None = None
        self.semantics = Semantics()

    async def follow(self, change: TurnEvent | None) -> None:
        """Take what the listener found in its last window."""
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
                self._answering.drop_speculation()
            case SpeechEnding(at_ms) if turn is not None:
                await self._end_or_wait(turn, at_ms)
            case SpeechStopped(end_ms) if turn is not None:
                await self._stopped(turn, end_ms)
            case _:
                pass

    def abandon(self) -> str | None:
        """Forget the turn, if there is one; return the id that its item would have had."""
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
        if not (self.semantics.ignores_fillers and self._answering.playback.sounding):
            self._report(turn)

    async def _check_filler(self, turn: _Turn) -> None:
        """Report speech during an answer as soon as it is more than a filler."""
        now_ms = self._listener.position_ms
        if now_ms >= turn.report_at_ms or not self._answering.playback.sounding:
            self._report(turn)
        elif now_ms >= turn.next_check_ms:
            turn.next_check_ms += _FILLER_CHECK_MS
            if not await _is_filler(self._recognition.begin(turn.start_ms, now_ms)):
                self._report(turn)

    async def _paused(self, turn: _Turn) -> None:
        """Decide on a filler, and let the answer be prepared."""
        if not turn.is_reported and not await self._report_or_forget(turn):
            return
        if turn.guess is not None and self._configuration.creates_response:
            self._answering.speculate(self._configuration.for_response({}), turn.guess)

    async def _report_or_forget(self, turn: _Turn) -> bool:
        """Take what was said during an answer for a turn, or, if it is a filler, for nothing."""
        words = turn.guess or self._recognition.begin(turn.start_ms, self._listener.position_ms)
        if await _is_filler(words) and self._answering.playback.sounding:
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
        if self._configuration.interrupts_response:
            interrupt(
                self._answering,
                self._conversation,
                self._sink,
                truncates=self._configuration.auto_truncates,
            )

    async def _end_or_wait(self, turn: _Turn, at_ms: int) -> None:
        """Decide by the words whether the silence ends the turn."""
        turn.guess = turn.guess or self._recognition.begin(turn.start_ms, at_ms)
        text = await text_of(turn.guess)
        if text is not None and self.semantics.wants_more_time(doubt(text)):
            self._listener.wait_longer(self.semantics.patience_ms)
        elif (stopped := self._listener.end_turn()) is not None:
            await self._stopped(turn, stopped.end_ms)

    async def _stopped(self, turn: _Turn, end_ms: int) -> None:
        if not turn.is_reported and not await self._report_or_forget(turn):
            return
        self._sink.put(
            event("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id)
        )
        self._listener.turn_ended(end_ms)
        words = turn.guess or self._recognition.begin(turn.start_ms, end_ms)
        self._turn = None
        heard = await self._user_speech.add(turn.item_id, end_ms - turn.start_ms, words)
        if self._configuration.creates_response:
            self._answering.answer_next(self._configuration.for_response({}), heard)
        else:
            heard.may_be_reported.set()


async def _is_filler(words: Words) -> bool:
    text = await text_of(words)
    return text is not None and is_filler(text)
