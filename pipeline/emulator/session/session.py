"""One client's session: client events in, server events out, in the protocol's order.

Events are handled one after another as they come. Recognition and responses, which take long, run
beside them.
"""

import logging
from collections.abc import Awaitable, Callable

from pipeline.emulator.audio.input_formats import input_format
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.replies.source import Replies
from pipeline.emulator.responses.delivery import TIMES_REAL_TIME
from pipeline.emulator.responses.scheduler import ResponseScheduler
from pipeline.emulator.session.configuration import LIFETIME_S, Configuration
from pipeline.emulator.session.item_events import ItemEvents
from pipeline.emulator.session.recordings import Recordings
from pipeline.emulator.session.response_events import ResponseEvents
from pipeline.emulator.session.turn_answers import TurnAnswers
from pipeline.emulator.session.warning_events import warning_events
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.turns.input_audio_buffer import InputAudioBuffer
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
from pipeline.emulator.wire.session_fields import SessionFields

_MOST_UNSENT = 256
"""With this many unsent events a client is not read: its answers would only pile up."""
_MOST_CHARACTERS = 256 * 1024
_WHILE_LISTENING = ("input_audio_buffer.append", "response.cancel")
"""Events that are handled before the sound in front of them is searched for turns."""
_MAY_HOLD_SOUND = ("input_audio_buffer.append", "conversation.item.create")
_UNSUPPORTED = {
    "session.avatar.connect": "This service has no avatar.",
    "output_audio_buffer.clear": "Only an avatar has an output buffer; this service has no avatar.",
    "mcp_approval_response": "No approval was requested: this service never calls MCP servers.",
    **dict.fromkeys(
        (
            "input_audio.turn.start",
            "input_audio.turn.append",
            "input_audio.turn.end",
            "input_audio.turn.cancel",
            "input_audio.clear",
        ),
        "This service marks turns with input_audio_buffer.append, commit and clear.",
    ),
}
"""Events of the protocol that this service does not act on."""

_Handler = Callable[[Event], Awaitable[None] | None]

_log = logging.getLogger(__name__)


class Session:
    """Lives as long as its connection. Every client event is answered as the protocol says."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        replies: Replies,
        sink: EventSink,
        *,
        lifetime_s: float = LIFETIME_S,
        times_real_time: float = TIMES_REAL_TIME,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Serve one client; `note` is told the type of each event that it sends."""
        self._sink = sink
        self._note = note
        self._configuration = configuration = Configuration(model, lifetime_s)
        conversation = ConversationHistory()
        self._recordings = recordings = Recordings(engine)
        self._responses = responses = ResponseScheduler(
            engine, replies, conversation, sink, times_real_time
        )
        answers = TurnAnswers(configuration, conversation, responses, sink)
        self._input_audio = InputAudioBuffer(
            engine, configuration.turns, conversation, answers, sink
        )
        self._handlers = self._handlers_of(
            ItemEvents(configuration, conversation, recordings, responses.playback, sink),
            ResponseEvents(
                configuration=configuration,
                conversation=conversation,
                recordings=recordings,
                input_audio=self._input_audio,
                responses=responses,
                sink=sink,
            ),
        )

    def _handlers_of(self, items: ItemEvents, responses: ResponseEvents) -> dict[str, _Handler]:
        return {
            "session.update": self._update,
            "input_audio_buffer.append": self._input_audio.append,
            "input_audio_buffer.commit": self._input_audio.commit,
            "input_audio_buffer.clear": self._input_audio.clear,
            "input_text.delta": items.append_text,
            "input_text.done": items.finish_text,
            "conversation.item.create": items.create,
            "conversation.item.retrieve": items.retrieve,
            "conversation.item.truncate": items.truncate,
            "conversation.item.delete": items.delete,
            "response.create": responses.create,
            "response.cancel": responses.cancel,
        }

    def open(self) -> None:
        self._sink.put(event("session.created", session=self._configuration.wire))

    async def receive(self, text: str | bytes) -> None:
        """Handle one message of the client; answer a faulty one with an error event."""
        event_id = None
        try:
            message = parse(text)
            event_id = event_id_of(message)
            handle = self._handler(message, len(text))
            if message["type"] not in _WHILE_LISTENING:
                await self._input_audio.caught_up()
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
        """Cancel everything that is under way."""
        await self._responses.close()
        self._input_audio.close()
        self._recordings.close()

    def _handler(self, message: Event, length: int) -> _Handler:
        kind = required(message, "type", str)
        optional(message, "event_id", str)
        self._note(kind)
        if kind in _UNSUPPORTED:
            raise ClientError("not_supported", _UNSUPPORTED[kind], "type")
        if kind not in self._handlers:
            names = ", ".join(self._handlers)
            raise ClientError(
                "invalid_value",
                f"Unknown event type: {shown(kind)}. Supported types are: {names}.",
                "type",
            )
        if length > _MOST_CHARACTERS and kind not in _MAY_HOLD_SOUND:
            raise ClientError(
                "string_above_max_length",
                f"The event has {length} characters, the most are {_MOST_CHARACTERS}.",
            )
        return self._handlers[kind]

    def _update(self, message: Event) -> None:
        given = required(message, "session", dict)
        changed = self._configuration.with_changes(given)
        self._input_audio.check_change(input_format(changed))
        self._configuration.adopt(changed)
        self._input_audio.configure(self._configuration.turns)
        self._sink.put(
            event("session.updated", session=self._configuration.wire),
            *warning_events(given, SessionFields, "session"),
        )
