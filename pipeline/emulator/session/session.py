"""One client's session: its events in, ours out, in the protocol's order.

Events are handled one after another as they come. What takes long, recognition and the answer, runs
beside them.
"""

import logging
from collections.abc import Awaitable, Callable

from pipeline.emulator.audio.formats import input_format
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, Samples16k
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item, item_from_client, new_item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.replies.source import Replies
from pipeline.emulator.responses.answering import Answering
from pipeline.emulator.responses.delivery import TIMES_REAL_TIME
from pipeline.emulator.session.configuration import LIFETIME_S, Configuration
from pipeline.emulator.session.recordings import Recordings, decoded
from pipeline.emulator.session.text_input import TextInput
from pipeline.emulator.session.warning_events import warning_events
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.turns.hearing import Hearing
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import (
    ClientError,
    Event,
    error_event,
    event,
    event_id_of,
    optional,
    parse,
    required,
    shown,
)
from pipeline.emulator.wire.session_fields import ResponseFields, SessionFields

_MOST_UNSENT = 256
"""A client that does not read its events is not read either: they would pile up."""
_MOST_CHARACTERS = 256 * 1024
_WHILE_LISTENING = ("input_audio_buffer.append", "response.cancel")
"""Events that need not wait until the sound before them is listened to."""
_MAY_HOLD_SOUND = ("input_audio_buffer.append", "conversation.item.create")
_NOT_HERE = {
    "session.avatar.connect": "There is no avatar here.",
    "output_audio_buffer.clear": "Only an avatar has an output buffer, and there is none here.",
    "mcp_approval_response": "No approval was requested: MCP servers are never called here.",
    **dict.fromkeys(
        (
            "input_audio.turn.start",
            "input_audio.turn.append",
            "input_audio.turn.end",
            "input_audio.turn.cancel",
            "input_audio.clear",
        ),
        "Turns are marked with input_audio_buffer.append, commit and clear here.",
    ),
}
"""Events that the protocol knows, and this service does not act on."""

_log = logging.getLogger(__name__)


class Session:
    """Lives as long as its connection. Whatever a client sends is answered by the protocol."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        replies: Replies,
        sink: EventSink,
        *,
        lifetime_s: float = LIFETIME_S,
        times_real_time: float = TIMES_REAL_TIME,
    ) -> None:
        self._sink = sink
        self._configuration = Configuration(model, lifetime_s)
        self._conversation = ConversationHistory()
        self._text_input = TextInput(self._conversation)
        self._recordings = Recordings(engine)
        self._answering = Answering(engine, replies, self._conversation, sink, times_real_time)
        self._hearing = Hearing(
            engine, self._configuration, self._conversation, self._answering, sink
        )
        self._handlers: dict[str, Callable[[Event], Awaitable[None] | None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._hearing.append,
            "input_audio_buffer.commit": self._hearing.commit,
            "input_audio_buffer.clear": self._hearing.clear,
            "input_text.delta": self._append_text,
            "input_text.done": self._finish_text,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    def open(self) -> None:
        self._sink.put(event("session.created", session=self._configuration.wire))

    async def receive(self, text: str | bytes) -> None:
        """Handle one message of the client; what is wrong with it is answered by an error event."""
        event_id = None
        try:
            message = parse(text)
            event_id = event_id_of(message)
            handle = self._handler(message, len(text))
            if message["type"] not in _WHILE_LISTENING:
                await self._hearing.caught_up()
            if (pending := handle(message)) is not None:
                await pending
        except ClientError as error:
            self._sink.put(error_event(error, event_id))
        except Exception:  # noqa: BLE001 - a fault of ours must not end a client's session
            _log.exception("an event could not be handled")
            fault = ClientError("server_error", "The service could not handle this event.")
            self._sink.put(error_event(fault, event_id, kind="server_error"))
        await self._sink.wait_for_room(_MOST_UNSENT)

    async def close(self) -> None:
        """End everything that is still under way."""
        await self._answering.close()
        self._hearing.close()
        self._recordings.close()

    def _handler(self, message: Event, length: int) -> Callable[[Event], Awaitable[None] | None]:
        kind = required(message, "type", str)
        optional(message, "event_id", str)
        if kind in _NOT_HERE:
            raise ClientError("not_supported", _NOT_HERE[kind], "type")
        if kind not in self._handlers:
            names = ", ".join(self._handlers)
            raise ClientError(
                "invalid_value", f"Unknown event type: {shown(kind)}. There are: {names}.", "type"
            )
        if length > _MOST_CHARACTERS and kind not in _MAY_HOLD_SOUND:
            raise ClientError(
                "string_above_max_length", f"This event may hold {_MOST_CHARACTERS} characters."
            )
        return self._handlers[kind]

    def _update(self, message: Event) -> None:
        given = required(message, "session", dict)
        changed = self._configuration.with_changes(given)
        self._hearing.check_change(input_format(changed))
        self._configuration.adopt(changed)
        self._hearing.configure()
        self._sink.put(
            event("session.updated", session=self._configuration.wire),
            *warning_events(given, SessionFields, "session"),
        )

    # --- the conversation's items ---

    async def _create_item(self, message: Event) -> None:
        item = item_from_client(required(message, "item", dict))
        previous_id = optional(message, "previous_item_id", str)
        samples = await self._recorded(item)
        self._add_item(item, previous_id)
        if samples is not None:
            self._recordings.recognise(item, samples)

    async def _recorded(self, item: Item) -> Samples16k | None:
        """Take the recording out of an item that has one."""
        if (recording := item.recording) is None:
            return None
        item.recording = None
        samples = await decoded(recording, self._configuration.input_format)
        item.audio_ms = samples.size * 1_000 // RATE_16K_HZ
        return samples

    def _add_item(self, item: Item, previous_id: str | None = None) -> None:
        before = self._conversation.add(item, previous_id)
        self._sink.put(event("conversation.item.created", previous_item_id=before, item=item.wire))

    def _retrieve_item(self, message: Event) -> None:
        item = self._conversation.find(required(message, "item_id", str), "retrieve")
        self._sink.put(event("conversation.item.retrieved", item=item.wire))

    def _truncate_item(self, message: Event) -> None:
        item_id = required(message, "item_id", str)
        content_index = required(message, "content_index", int)
        audio_end_ms = required(message, "audio_end_ms", int)
        self._conversation.truncate(item_id, content_index, audio_end_ms)
        self._answering.playback.forget(item_id)
        self._sink.put(
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
        self._answering.playback.forget(item_id)
        self._sink.put(event("conversation.item.deleted", item_id=item_id))

    def _append_text(self, message: Event) -> None:
        item_id = required(message, "id", str)
        delta = required(message, "delta", str)
        self._text_input.append(item_id, optional(message, "content_index", int) or 0, delta)

    def _finish_text(self, message: Event) -> None:
        item_id = required(message, "id", str)
        item = self._text_input.finish(item_id, optional(message, "content_index", int) or 0)
        if item is not None:
            self._add_item(item)

    # --- answers ---

    async def _create_response(self, message: Event) -> None:
        given = optional(message, "response", dict) or {}
        additional = optional(message, "additional_instructions", str) or ""
        options = self._configuration.for_response(given, additional)
        self._answering.check_free(options)
        chosen = None
        if options.input is not None:
            chosen = [await self._item_of_response(each) for each in options.input]
        appended = [await self._item_of_response(each) for each in options.appended]
        last = self._conversation.last_from_user if chosen is None else None
        heard = None if last is None else self._unfinished(last.id)
        self._answering.answer(options, heard, chosen=chosen, appended=appended)
        if options.cancels_previous:
            self._answering.playback.stop()
        self._sink.put(*warning_events(given, ResponseFields, "response"))

    async def _item_of_response(self, given: Event) -> Item:
        if given["type"] == "item_reference":
            return self._conversation.find(given["id"], "retrieve")
        item = new_item(given)
        if (samples := await self._recorded(item)) is not None:
            self._recordings.recognise(item, samples)
        return item

    def _unfinished(self, item_id: str) -> UserTurn | None:
        """What the user said in this item, if its words may still be unknown."""
        return self._hearing.unfinished(item_id) or self._recordings.unfinished(item_id)

    def _cancel_response(self, message: Event) -> None:
        response_id = optional(message, "response_id", str)
        if not self._answering.cancel("client_cancelled", response_id):
            raise ClientError(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )
        self._answering.playback.stop()  # who cancels an answer does not go on playing it
