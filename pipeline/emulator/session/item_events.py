"""The events `conversation.item.*` and `input_text.*`: a client edits the conversation."""

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item, item_from_client
from pipeline.emulator.responses.playback import Playback
from pipeline.emulator.session.configuration import Configuration
from pipeline.emulator.session.recordings import Recordings
from pipeline.emulator.session.text_input import TextInput
from pipeline.emulator.wire.event_sink import EventSink
from pipeline.emulator.wire.events import Event, event, optional, required


class ItemEvents:
    """Each method handles one type of client event; all raise `ClientError`."""

    def __init__(
        self,
        configuration: Configuration,
        conversation: ConversationHistory,
        recordings: Recordings,
        playback: Playback,
        sink: EventSink,
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._recordings = recordings
        self._playback = playback
        self._sink = sink
        self._text_input = TextInput(conversation)

    async def create(self, message: Event) -> None:
        item = item_from_client(required(message, "item", dict))
        previous_id = optional(message, "previous_item_id", str)
        samples = await self._recordings.take(item, self._configuration.input_format)
        self._add(item, previous_id)
        if samples is not None:
            self._recordings.recognise(item, samples)

    def retrieve(self, message: Event) -> None:
        item = self._conversation.find(required(message, "item_id", str), "retrieve")
        self._sink.put(event("conversation.item.retrieved", item=item.wire))

    def truncate(self, message: Event) -> None:
        item_id = required(message, "item_id", str)
        content_index = required(message, "content_index", int)
        audio_end_ms = required(message, "audio_end_ms", int)
        self._conversation.truncate(item_id, content_index, audio_end_ms)
        self._playback.forget(item_id)
        self._sink.put(
            event(
                "conversation.item.truncated",
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=audio_end_ms,
            )
        )

    def delete(self, message: Event) -> None:
        item_id = required(message, "item_id", str)
        self._conversation.delete(item_id)
        self._playback.forget(item_id)
        self._sink.put(event("conversation.item.deleted", item_id=item_id))

    def append_text(self, message: Event) -> None:
        item_id = required(message, "id", str)
        delta = required(message, "delta", str)
        self._text_input.append(item_id, optional(message, "content_index", int) or 0, delta)

    def finish_text(self, message: Event) -> None:
        item_id = required(message, "id", str)
        item = self._text_input.finish(item_id, optional(message, "content_index", int) or 0)
        if item is not None:
            self._add(item)

    def _add(self, item: Item, previous_id: str | None = None) -> None:
        before = self._conversation.add(item, previous_id)
        self._sink.put(event("conversation.item.created", previous_item_id=before, item=item.wire))
