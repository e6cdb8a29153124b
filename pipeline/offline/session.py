"""One client's session: its events in, ours out, in the protocol's order.

Events are handled one after another as they come. What takes long, recognition and the answer, runs
beside them.
"""

from collections.abc import Awaitable, Callable

from pipeline.offline.answering import Answering, Returned
from pipeline.offline.configuration import Configuration
from pipeline.offline.conversation import Conversation, item_from_client
from pipeline.offline.engine import Engine
from pipeline.offline.hearing import Hearing
from pipeline.offline.outbox import Outbox
from pipeline.offline.replier import Replier
from pipeline.offline.wire import (
    ClientError,
    Event,
    checked,
    error_event,
    event,
    event_id_of,
    parse,
    required,
)

_MOST_UNSENT = 256
"""A client that does not read its events is not read either: they would pile up."""


class Session:
    """Lives as long as its connection. Whatever a client sends is answered by the protocol."""

    def __init__(self, engine: Engine, model: str, replier: Replier, outbox: Outbox) -> None:
        self._outbox = outbox
        self._configuration = Configuration(model)
        self._conversation = Conversation()
        self._answering = Answering(engine, replier, self._conversation, outbox)
        self._hearing = Hearing(
            engine, self._configuration, self._conversation, self._answering, outbox
        )
        self._handlers: dict[str, Callable[[Event], Awaitable[None] | None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._hearing.append,
            "input_audio_buffer.commit": self._hearing.commit,
            "input_audio_buffer.clear": self._hearing.clear,
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
        self._hearing.close()

    def _handler(self, kind: str) -> Callable[[Event], Awaitable[None] | None]:
        if kind not in self._handlers:
            names = ", ".join(self._handlers)
            raise ClientError(
                "invalid_value", f"Unknown event type: {kind!r}. There are: {names}.", "type"
            )
        return self._handlers[kind]

    def _update(self, message: Event) -> None:
        self._configuration.update(required(message, "session", dict))
        self._hearing.configure()
        self._outbox.put(event("session.updated", session=self._configuration.wire))

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
            self._answering.answer(settings, self._hearing.unfinished(last.id) or last.text)

    def _cancel_response(self, message: Event) -> None:
        response_id = message.get("response_id")
        if response_id is not None:
            checked(response_id, str, "response_id")
        if not self._answering.cancel("client_cancelled", response_id):
            raise ClientError(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )
