"""The events of one response, in the protocol's order. It neither waits nor sends."""

import base64

from pipeline.emulator.audio.output_formats import OutputEncoder
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item, answer_item, function_call_item
from pipeline.emulator.responses.options import ResponseOptions
from pipeline.emulator.responses.usage import CHARACTERS_PER_TOKEN, sound_tokens, text_tokens, usage
from pipeline.emulator.speech.alignment import SpeechDelta, TimedWord
from pipeline.emulator.wire.events import Event, event, new_id
from pipeline.pcm import samples_to_ms

_ARGUMENTS_DELTA = 4 * CHARACTERS_PER_TOKEN


class Response:
    """Call `created`, then `write`, `say` and `call` any number of times, then `finish` and `done`.

    The first words open the item that holds them.
    """

    def __init__(
        self, options: ResponseOptions, conversation: ConversationHistory, inputs: tuple[Item, ...]
    ) -> None:
        """Take the answered items, `inputs`, for the usage figures."""
        self.id = new_id("resp")
        self.speaks = options.speaks
        self._options = options
        self._conversation = None if options.is_out_of_band else conversation
        self._inputs = inputs
        self._encoder = OutputEncoder(options.output_format)
        self._outputs: list[Item] = []
        self._message: Item | None = None
        self._message_index = 0
        self._text = ""
        self._samples = 0
        self._closed_samples = 0
        """Samples before the open item."""
        self._closed_characters = 0
        """Characters of text and arguments before the open item."""
        self._status = "in_progress"
        self._status_details: Event | None = None

    @property
    def message_id(self) -> str:
        """Id of the open item that holds the words; empty without one."""
        return self._message.id if self._message is not None else ""

    def created(self) -> Event:
        return event("response.created", response=self._wire())

    def has_room_for(self, characters: int, samples: int = 0) -> bool:
        """Whether this much more stays within the limit of tokens."""
        text = text_tokens(self._characters + characters)
        return text + sound_tokens(self._samples + samples) <= self._options.most_tokens

    def write(self, text: str) -> list[Event]:
        """Add words without sound."""
        opening = self._opening()
        self._text += text
        return [*opening, self._part_event("response.text.delta", delta=text)]

    def say(self, delta: SpeechDelta) -> list[Event]:
        """Add words and their sound, 24 kHz."""
        events = self._opening()
        if delta.text:
            events.append(self._part_event("response.audio_transcript.delta", delta=delta.text))
        if self._options.reports_word_times:
            events += [self._timestamp(word) for word in delta.words if word.text.strip()]
        if pcm := self._encoder.encode(delta.sound):
            events.append(self._audio_event(pcm))
        if self._message is not None and self._message.speech is not None:
            self._message.speech.add(delta)
        self._text += delta.text
        self._samples += delta.sound.size
        return events

    def call(self, name: str, arguments: str) -> list[Event]:
        """Call a function of the client."""
        item = function_call_item(new_id("item"), new_id("call"), name)
        events = [*self._closing("completed"), *self._add(item)]
        place = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": len(self._outputs) - 1,
            "call_id": item.wire["call_id"],
        }
        self._closed_characters += len(arguments)
        item.wire.update(arguments=arguments, status="completed")
        return [
            *events,
            *(
                event(
                    "response.function_call_arguments.delta",
                    **place,
                    delta=arguments[at : at + _ARGUMENTS_DELTA],
                )
                for at in range(0, len(arguments), _ARGUMENTS_DELTA)
            ),
            event("response.function_call_arguments.done", **place, name=name, arguments=arguments),
            self._item_done(item),
        ]

    def finish(self, status: str, details: Event | None) -> list[Event]:
        """Close the open item; a completed response without output gets an empty item."""
        self._status, self._status_details = status, details
        opening = self._opening() if not self._outputs and status == "completed" else []
        return [*opening, *self._closing("completed" if status == "completed" else "incomplete")]

    def done(self) -> Event:
        return event("response.done", response=self._wire())

    @property
    def _characters(self) -> int:
        return len(self._text) + self._closed_characters

    def _opening(self) -> list[Event]:
        """Open the item that holds the words, unless it is open."""
        if self._message is not None:
            return []
        self._message = answer_item(new_id("msg"), speaks=self.speaks)
        self._message_index = len(self._outputs)
        return [
            *self._add(self._message),
            self._part_event("response.content_part.added", part=self._part("")),
        ]

    def _closing(self, status: str) -> list[Event]:
        """Close the item that holds the words, if it is open."""
        item = self._message
        if item is None:
            return []
        heard = (
            item.speech.transcript if item.speech is not None and item.speech.is_truncated else None
        )
        part = self._part(self._text)
        item.wire["content"] = [part if heard is None else self._part(heard)]
        item.wire["status"] = status
        events = [
            *(self._closing_sound() if self.speaks else self._closing_text()),
            self._part_event("response.content_part.done", part=part),
            self._item_done(item),
        ]
        self._closed_characters += len(self._text)
        self._closed_samples = self._samples
        self._message, self._text = None, ""
        return events

    def _closing_text(self) -> list[Event]:
        return [self._part_event("response.text.done", text=self._text)]

    def _closing_sound(self) -> list[Event]:
        rest = self._encoder.flush()
        times = self._options.reports_word_times
        return [
            *([self._audio_event(rest)] if rest else []),
            *([self._part_event("response.audio_timestamp.done")] if times else []),
            self._part_event("response.audio.done"),
            self._part_event("response.audio_transcript.done", transcript=self._text),
        ]

    def _add(self, item: Item) -> list[Event]:
        """Add an item to the response, and to the conversation if the response is part of it."""
        self._outputs.append(item)
        events = [
            event(
                "response.output_item.added",
                response_id=self.id,
                output_index=len(self._outputs) - 1,
                item=dict(item.wire),
            )
        ]
        if self._conversation is not None:
            before = self._conversation.add(item)
            events.append(
                event("conversation.item.created", previous_item_id=before, item=dict(item.wire))
            )
        return events

    def _item_done(self, item: Item) -> Event:
        return event(
            "response.output_item.done",
            response_id=self.id,
            output_index=self._outputs.index(item),
            item=dict(item.wire),
        )

    def _part(self, text: str) -> Event:
        if self.speaks:
            return {"type": "audio", "transcript": text}
        return {"type": "text", "text": text}

    def _audio_event(self, pcm: bytes) -> Event:
        return self._part_event("response.audio.delta", delta=base64.b64encode(pcm).decode())

    def _timestamp(self, word: TimedWord) -> Event:
        start = self._samples - self._closed_samples + word.start
        start_ms = samples_to_ms(start)
        return self._part_event(
            "response.audio_timestamp.delta",
            audio_offset_ms=start_ms,
            audio_duration_ms=samples_to_ms(start + word.length) - start_ms,
            text=word.text.strip(),
            timestamp_type="word",
        )

    def _part_event(self, kind: str, **fields: object) -> Event:
        return event(
            kind,
            response_id=self.id,
            item_id=self.message_id,
            output_index=self._message_index,
            content_index=0,
            **fields,
        )

    def _wire(self) -> Event:
        settings = self._options.settings
        finished = self._status != "in_progress"
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self._status,
            "status_details": self._status_details,
            "output": [item.wire for item in self._outputs] if finished else [],
            "conversation_id": self._conversation.id if self._conversation is not None else None,
            "modalities": settings["modalities"],
            "voice": settings["voice"],
            "output_audio_format": settings["output_audio_format"],
            "temperature": settings["temperature"],
            "max_output_tokens": settings["max_response_output_tokens"],
            "metadata": self._options.metadata,
            "usage": self._usage() if finished else None,
        }

    def _usage(self) -> Event:
        return usage(
            str(self._options.settings["instructions"]),
            self._inputs,
            text_tokens(self._characters),
            sound_tokens(self._samples),
        )
