"""The user's sound becomes turns, and each turn an item of the conversation.

Recognition runs beside the events. It begins in the first pause of a turn, in the hope that the
turn is over.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass

from pipeline.offline.answering import Answering, Heard
from pipeline.offline.configuration import Configuration
from pipeline.offline.conversation import Conversation, Item, user_speech
from pipeline.offline.engine import Engine, RecognitionUnavailableError
from pipeline.offline.listener import Listener
from pipeline.offline.outbox import Outbox
from pipeline.offline.turns import (
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnEvent,
)
from pipeline.offline.wire import ClientError, Event, event, new_id, required

_MOST_AUDIO_BYTES = 15 * 1024 * 1024
_WINDOWS_AT_A_TIME = 32


@dataclass(slots=True)
class _Turn:
    """The user is speaking, or may have just stopped."""

    item_id: str
    start_ms: int
    guess: "asyncio.Task[str] | None" = None
    """Recognition of the turn as if it had ended at the pause."""

    def drop_guess(self) -> None:
        if self.guess is not None:
            self.guess.cancel()
            self.guess = None


class Hearing:
    """One session's ears."""

    def __init__(
        self,
        engine: Engine,
        configuration: Configuration,
        conversation: Conversation,
        answering: Answering,
        outbox: Outbox,
    ) -> None:
        self._engine = engine
        self._configuration = configuration
        self._conversation = conversation
        self._answering = answering
        self._outbox = outbox
        self._listener = Listener(configuration.input_rate_hz, configuration.endpointing)
        self._turn: _Turn | None = None
        self._heard: dict[str, Heard] = {}

    def configure(self) -> None:
        """Follow a change of the configuration."""
        self._listener.configure(self._configuration.input_rate_hz, self._configuration.endpointing)
        if self._configuration.endpointing is None:
            self._abandon_turn()

    def unfinished(self, item_id: str) -> Heard | None:
        """The turn that became this item, while its words are still to be found or told."""
        return self._heard.get(item_id)

    def close(self) -> None:
        """End everything that is still under way."""
        self._abandon_turn()
        for heard in tuple(self._heard.values()):
            heard.words.cancel()
            if heard.told is not None:
                heard.told.cancel()

    async def append(self, message: Event) -> None:
        self._listener.append(_decoded(required(message, "audio", str)))
        model = await self._engine.detector()
        for count, turn_event in enumerate(self._listener.turn_events(model), 1):
            if turn_event is not None:
                self._follow(turn_event)
            if count % _WINDOWS_AT_A_TIME == 0:
                await asyncio.sleep(0)  # others want to be heard, too

    def _follow(self, change: TurnEvent) -> None:
        match change:
            case SpeechStarted(start_ms):
                self._speech_started(start_ms)
            case SpeechPaused(at_ms) if self._turn is not None:
                self._turn.guess = self._recognise(self._turn.start_ms, at_ms)
            case SpeechResumed() if self._turn is not None:
                self._turn.drop_guess()
            case SpeechStopped(end_ms) if self._turn is not None:
                self._speech_stopped(self._turn, end_ms)
            case _:
                pass

    def _speech_started(self, start_ms: int) -> None:
        self._turn = _Turn(new_id("item"), start_ms)
        self._outbox.put(
            event(
                "input_audio_buffer.speech_started",
                audio_start_ms=start_ms,
                item_id=self._turn.item_id,
            )
        )
        if self._configuration.interrupts_response:
            self._answering.cancel("turn_detected")

    def _speech_stopped(self, turn: _Turn, end_ms: int) -> None:
        self._outbox.put(
            event("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id)
        )
        self._listener.turn_ended(end_ms)
        heard = self._add_turn(turn, end_ms)
        if self._configuration.creates_response:
            self._answering.answer_next(self._configuration.for_response({}), heard)
        else:
            heard.may_be_told.set()

    def _add_turn(self, turn: _Turn, end_ms: int) -> Heard:
        """Make the turn an item of the conversation."""
        words = turn.guess or self._recognise(turn.start_ms, end_ms)
        self._turn = None
        item = user_speech(turn.item_id, end_ms - turn.start_ms)
        previous_id = self._conversation.add(item)
        self._outbox.put(
            event("input_audio_buffer.committed", previous_item_id=previous_id, item_id=item.id),
            event("conversation.item.created", previous_item_id=previous_id, item=item.wire),
        )
        heard = self._heard[item.id] = Heard(item, words)
        heard.told = asyncio.create_task(self._tell_words(heard))
        return heard

    def _recognise(self, start_ms: int, end_ms: int) -> "asyncio.Task[str]":
        samples = self._listener.heard(start_ms, end_ms)
        words = asyncio.create_task(self._engine.transcribe(samples))
        # A guess that was dropped has failed for nobody.
        words.add_done_callback(lambda done: done.cancelled() or done.exception())
        return words

    async def _tell_words(self, heard: Heard) -> None:
        """Tell the client what was recognised, when it is recognised and its moment has come."""
        await asyncio.wait({heard.words})
        failure = heard.words.exception()
        if failure is None:
            heard.item.wire["content"][0]["transcript"] = heard.words.result()
        await heard.may_be_told.wait()
        del self._heard[heard.item.id]
        if self._configuration.transcribes:
            self._outbox.put(_transcription_event(heard.item, failure))

    def commit(self, _: Event) -> None:
        turn = self._turn
        start_ms, end_ms = self._listener.commit()
        self._abandon_turn()
        item_id = turn.item_id if turn is not None else new_id("item")
        heard = self._add_turn(_Turn(item_id, start_ms), end_ms)
        heard.may_be_told.set()
        self._listener.forget_committed()

    def clear(self, _: Event) -> None:
        self._abandon_turn()
        self._listener.clear()
        self._outbox.put(event("input_audio_buffer.cleared"))

    def _abandon_turn(self) -> None:
        if self._turn is not None:
            self._turn.drop_guess()
            self._turn = None


def _decoded(audio: str) -> bytes:
    try:
        pcm = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise ClientError("invalid_value", "The audio is not valid base64.", "audio") from None
    if len(pcm) > _MOST_AUDIO_BYTES:
        raise ClientError("invalid_value", "The audio is longer than 15 MiB.", "audio")
    return pcm


def _transcription_event(item: Item, failure: BaseException | None) -> Event:
    kind = "conversation.item.input_audio_transcription"
    if failure is None:
        return event(f"{kind}.completed", item_id=item.id, content_index=0, transcript=item.text)
    unavailable = isinstance(failure, RecognitionUnavailableError)
    error = {
        "type": "server_error",
        "code": "recognition_unavailable" if unavailable else "recognition_failed",
        "message": str(failure) if unavailable else "The words could not be recognised.",
    }
    return event(f"{kind}.failed", item_id=item.id, content_index=0, error=error)
