"""The events `response.*`: a client asks for a response, or cancels one."""

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item, new_item
from pipeline.emulator.conversation.user_turn import UserTurn
from pipeline.emulator.responses.scheduler import ResponseScheduler
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.session.recordings import Recordings
from pipeline.emulator.session.warning_events import warning_events
from pipeline.emulator.turns.input_audio_buffer import InputAudioBuffer
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import ClientError, Event, optional
from pipeline.emulator.wire.session_fields import ResponseFields


class ResponseEvents:
    """Each method handles one type of client event; both raise `ClientError`."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        conversation: ConversationHistory,
        recordings: Recordings,
        input_audio: InputAudioBuffer,
        responses: ResponseScheduler,
        sink: EventSink,
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._recordings = recordings
        self._input_audio = input_audio
        self._responses = responses
        self._sink = sink

    async def create(self, message: Event) -> None:
        given = optional(message, "response", dict) or {}
        additional = optional(message, "additional_instructions", str) or ""
        options = self._configuration.for_response(given, additional)
        self._responses.check_free(options)
        chosen = None
        if options.input is not None:
            chosen = [await self._input_item(each) for each in options.input]
        appended = [await self._input_item(each) for each in options.appended]
        last = self._conversation.last_from_user if chosen is None else None
        turn = None if last is None else self._pending(last.id)
        self._responses.create(options, turn, chosen=chosen, appended=appended)
        if options.cancels_previous:
            self._responses.playback.stop()
        self._sink.put(*warning_events(given, ResponseFields, "response"))

    def cancel(self, message: Event) -> None:
        response_id = optional(message, "response_id", str)
        if not self._responses.cancel("client_cancelled", response_id):
            raise ClientError(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )
        self._responses.playback.stop()  # a client that cancels an answer stops playing it

    async def _input_item(self, given: Event) -> Item:
        """Return the item that the input of a response refers to or holds."""
        if given["type"] == "item_reference":
            return self._conversation.find(given["id"], "retrieve")
        item = new_item(given)
        samples = await self._recordings.take(item, self._configuration.input_format)
        if samples is not None:
            self._recordings.recognise(item, samples)
        return item

    def _pending(self, item_id: str) -> UserTurn | None:
        """Return the turn that became this item if its words may still be unknown."""
        return self._input_audio.pending(item_id) or self._recordings.pending(item_id)
