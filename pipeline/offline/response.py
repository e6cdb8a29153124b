"""The events of one answer, in the protocol's order. Nothing here waits or sends."""

import base64

from pipeline.offline.conversation import Conversation, Item, answer, function_call
from pipeline.offline.usage import usage
from pipeline.offline.wire import Event, event, new_id
from pipeline.samples import PCM16, Samples


class Response:
    """Made in the order: `created`, `begin`, `words` and `sound`, `finish`, `done`.

    `begin` may be left out, if nothing was said before the answer was cancelled.
    """

    def __init__(self, settings: Event, conversation: Conversation) -> None:
        """Take `settings`, the session object with the overrides of this response."""
        self.id = new_id("resp")
        self.speaks = "audio" in settings["modalities"]
        self._settings = settings
        self._conversation = conversation
        self._item: Item | None = None
        self._calls: list[Item] = []
        self._text = ""
        self._status = "in_progress"
        self._status_details: Event | None = None
        self._input_items: tuple[Item, ...] = conversation.items

    @property
    def begun(self) -> bool:
        return self._item is not None

    def created(self) -> Event:
        return event("response.created", response=self._wire())

    def begin(self) -> list[Event]:
        """Open the item that holds the answer."""
        self._item = item = answer(new_id("msg"))
        if not self.speaks:
            item.speech = None
        previous_id = self._conversation.add(item)
        return [
            event(
                "response.output_item.added", response_id=self.id, output_index=0, item=item.wire
            ),
            event("conversation.item.created", previous_item_id=previous_id, item=item.wire),
            self._part_event("response.content_part.added", part=self._part()),
        ]

    def words(self, text: str) -> Event:
        """Add words; with sound, the sound that says them comes next."""
        self._text += text
        if self._item is not None and self._item.speech is not None:
            self._item.speech.pieces.append((text, 0))
            return self._part_event("response.audio_transcript.delta", delta=text)
        return self._part_event("response.text.delta", delta=text)

    def sound(self, samples: Samples) -> Event:
        """Add sound, 24 kHz, to the words before it."""
        if self._item is not None and self._item.speech is not None:
            pieces = self._item.speech.pieces
            words, before = pieces.pop() if pieces else ("", 0)
            pieces.append((words, before + samples.size))
        pcm = samples.astype(PCM16, copy=False).tobytes()
        return self._part_event("response.audio.delta", delta=base64.b64encode(pcm).decode())

    def call(self, name: str, arguments: str) -> list[Event]:
        """Call a function of the client's."""
        index = len(self._calls)
        item = function_call(new_id("item"), new_id("call"), name)
        self._calls.append(item)
        previous_id = self._conversation.add(item)
        place = {"response_id": self.id, "item_id": item.id, "output_index": index}
        call_id = item.wire["call_id"]
        opening = [
            event(
                "response.output_item.added",
                response_id=self.id,
                output_index=index,
                item=dict(item.wire),
            ),
            event("conversation.item.created", previous_item_id=previous_id, item=dict(item.wire)),
        ]
        item.wire.update(arguments=arguments, status="completed")
        return [
            *opening,
            event(
                "response.function_call_arguments.delta", **place, call_id=call_id, delta=arguments
            ),
            event(
                "response.function_call_arguments.done",
                **place,
                call_id=call_id,
                name=name,
                arguments=arguments,
            ),
            event(
                "response.output_item.done",
                response_id=self.id,
                output_index=index,
                item=item.wire,
            ),
        ]

    def finish(self, status: str, details: Event | None) -> list[Event]:
        """Close what is open, whether the answer is whole or not."""
        self._status, self._status_details = status, details
        if self._item is None:
            return []
        part = self._part()
        self._item.wire["content"] = [part]
        self._item.wire["status"] = "completed" if status == "completed" else "incomplete"
        if self.speaks:
            closing = [
                self._part_event("response.audio.done"),
                self._part_event("response.audio_transcript.done", transcript=self._text),
            ]
        else:
            closing = [self._part_event("response.text.done", text=self._text)]
        return [
            *closing,
            self._part_event("response.content_part.done", part=part),
            event(
                "response.output_item.done",
                response_id=self.id,
                output_index=0,
                item=self._item.wire,
            ),
        ]

    def done(self) -> Event:
        return event("response.done", response=self._wire())

    def _part(self) -> Event:
        if self.speaks:
            return {"type": "audio", "transcript": self._text}
        return {"type": "text", "text": self._text}

    def _part_event(self, kind: str, **fields: object) -> Event:
        item_id = self._item.id if self._item is not None else ""
        return event(
            kind,
            response_id=self.id,
            item_id=item_id,
            output_index=0,
            content_index=0,
            **fields,
        )

    @property
    def _output(self) -> list[Item]:
        return [*self._calls, *([self._item] if self._item is not None else [])]

    def _wire(self) -> Event:
        finished = self._status != "in_progress"
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self._status,
            "status_details": self._status_details,
            "output": [item.wire for item in self._output] if finished else [],
            "conversation_id": self._conversation.id,
            "modalities": self._settings["modalities"],
            "voice": self._settings["voice"],
            "output_audio_format": self._settings["output_audio_format"],
            "temperature": self._settings["temperature"],
            "max_output_tokens": self._settings["max_response_output_tokens"],
            "usage": usage(self._input_items, self._item) if finished else None,
        }
