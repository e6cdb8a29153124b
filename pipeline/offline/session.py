"""One client's session: its events in, ours out, in the protocol's order.

Events are handled one after another as they come. What takes long runs beside them: recognition,
which begins in the first pause of a turn in the hope that the turn is over, and the answer.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pipeline.offline.answering import Answering, Heard, Returned
from pipeline.offline.configuration import Configuration
from pipeline.offline.conversation import Conversation, Item, item_from_client, user_speech
from pipeline.offline.engine import Engine, RecognitionUnavailableError
from pipeline.offline.listener import Listener
from pipeline.offline.outbox import Outbox
from pipeline.offline.replier import Replier
from pipeline.offline.turns import (
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TurnEvent,
)
from pipeline.offline.wire import (
    ClientError,
    Event,
    checked,
    error_event,
    event,
    event_id_of,
    new_id,
    parse,
    required,
)

_MOST_AUDIO_BYTES = 15 * 1024 * 1024
_WINDOWS_AT_A_TIME = 32
_MOST_UNSENT = 256
"""A client that does not read its events is not read either: they would pile up."""


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


class Session:
    """Lives as long as its connection. Whatever a client sends is answered by the protocol."""

    def __init__(self, engine: Engine, model: str, replier: Replier, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox
        self._configuration = Configuration(model)
        self._conversation = Conversation()
        self._listener = Listener(
            self._configuration.input_rate_hz, self._configuration.endpointing
        )
        self._answering = Answering(engine, replier, self._conversation, outbox)
        self._turn: _Turn | None = None
        self._heard: dict[str, Heard] = {}
        self._handlers: dict[str, Callable[[Event], Awaitable[None] | None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    def open(self) -> None:
        self._outbox.put(event("session.created", session=self._configuration.wire))

    async def receive(self, text: str | bytes) -> None:
        """Handle one message of the client; what is wrong with it is answered by an error event."""
        event_id = None
        try:
            message = parse(text)
            event_id = event_id_of(message)
            handle = self._handler(required(message, "type", str))
            if (pending := handle(message)) is not None:
                await pending
        except ClientError as error:
            self._outbox.put(error_event(error, event_id))
        await self._outbox.wait_for_room(_MOST_UNSENT)

    async def close(self) -> None:
        """End everything that is still under way."""
        await self._answering.close()
        if self._turn is not None:
            self._turn.drop_guess()
        for heard in tuple(self._heard.values()):
            heard.words.cancel()
            if heard.told is not None:
                heard.told.cancel()

    def _handler(self, kind: str) -> Callable[[Event], Awaitable[None] | None]:
        if kind not in self._handlers:
            names = ", ".join(self._handlers)
            raise ClientError(
                "invalid_value", f"Unknown event type: {kind!r}. There are: {names}.", "type"
            )
        return self._handlers[kind]

    def _update(self, message: Event) -> None:
        self._configuration.update(required(message, "session", dict))
        self._listener.configure(self._configuration.input_rate_hz, self._configuration.endpointing)
        if self._configuration.endpointing is None:
            self._abandon_turn()
        self._outbox.put(event("session.updated", session=self._configuration.wire))

    # --- the user's sound ---

    async def _append(self, message: Event) -> None:
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

    def _commit(self, _: Event) -> None:
        turn = self._turn
        start_ms, end_ms = self._listener.commit()
        self._abandon_turn()
        item_id = turn.item_id if turn is not None else new_id("item")
        heard = self._add_turn(_Turn(item_id, start_ms), end_ms)
        heard.may_be_told.set()
        self._listener.forget_committed()

    def _clear(self, _: Event) -> None:
        self._abandon_turn()
        self._listener.clear()
        self._outbox.put(event("input_audio_buffer.cleared"))

    def _abandon_turn(self) -> None:
        if self._turn is not None:
            self._turn.drop_guess()
            self._turn = None

    # --- the conversation's items ---

    def _create_item(self, message: Event) -> None:
        item = item_from_client(required(message, "item", dict))
        previous_id = message.get("previous_item_id")
        if previous_id is not None:
            checked(previous_id, str, "previous_item_id")
        before = self._conversation.add(item, previous_id)
        self._outbox.put(
            event("conversation.item.created", previous_item_id=before, item=item.wire)
        )

    def _retrieve_item(self, message: Event) -> None:
        item = self._conversation.find(required(message, "item_id", str), "retrieve")
        self._outbox.put(event("conversation.item.retrieved", item=item.wire))

    def _truncate_item(self, message: Event) -> None:
        item_id = required(message, "item_id", str)
        content_index = required(message, "content_index", int)
        audio_end_ms = required(message, "audio_end_ms", int)
        self._conversation.truncate(item_id, content_index, audio_end_ms)
        self._outbox.put(
            event(
                "conversation.item.truncated",
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=audio_end_ms,
            )
        )

    def _delete_item(self, message: Event) -> None:
        item_id = required(message, "item_id", str)
        self._conversation.delete(item_id)
        self._outbox.put(event("conversation.item.deleted", item_id=item_id))

    # --- answers ---

    def _create_response(self, message: Event) -> None:
        overrides = checked(message.get("response") or {}, dict, "response")
        settings = self._configuration.for_response(overrides)
        last = self._conversation.last_from_user
        if outputs := self._conversation.returned:
            self._answering.answer(settings, Returned(outputs))
        elif last is None:
            self._answering.answer(settings, "Hello")
        else:
            self._answering.answer(settings, self._heard.get(last.id) or last.text)

    def _cancel_response(self, message: Event) -> None:
        response_id = message.get("response_id")
        if response_id is not None:
            checked(response_id, str, "response_id")
        if not self._answering.cancel("client_cancelled", response_id):
            raise ClientError(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )


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
