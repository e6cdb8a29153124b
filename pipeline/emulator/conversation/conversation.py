"""What the service remembers of a conversation: its items, in order."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.emulator.conversation.answer_speech import AnswerSpeech
from pipeline.emulator.wire.checking import validated
from pipeline.emulator.wire.events import ClientError, Event, new_id, shown
from pipeline.emulator.wire.item_fields import ITEM
from pipeline.pcm import ms_to_samples, samples_to_ms


@dataclass(slots=True, eq=False)
class Item:
    """`wire` is the protocol's item object. `speech` is that of an answer, `audio_ms` of a user.

    `recording` is base64 that a client sent without telling its words; `words` are what is being
    recognised.
    """

    wire: Event
    speech: AnswerSpeech | None = None
    audio_ms: int = 0
    recording: str | None = None
    words: "asyncio.Task[str] | None" = None

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def text(self) -> str:
        """All words of the item, as far as they are known."""
        if self.wire["type"] != "message":
            return str(self.wire.get("arguments", self.wire.get("output", "")))
        parts = self.wire["content"]
        return " ".join(part.get("text") or part.get("transcript") or "" for part in parts)

    async def understood(self) -> None:
        """Wait until its words are known, if need be; raise what recognition raised, once."""
        if self.words is None:
            return
        try:
            words = await asyncio.shield(self.words)
        except Exception:
            self.words = None  # later answers do without them
            raise
        for part in self.wire["content"]:
            if part["type"] == "input_audio" and part["transcript"] is None:
                part["transcript"] = words
                return

    @property
    def is_from_user(self) -> bool:
        return self.wire.get("role") == "user"


class Conversation:
    """Items in order. The oldest are forgotten when there are very many, or much is in them."""

    MOST_ITEMS = 1_000
    MOST_CHARACTERS = 4 * 1024 * 1024
    LONGEST_ITEM = 256 * 1024

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: list[Item] = []

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    @property
    def last_from_user(self) -> Item | None:
        return next((item for item in reversed(self._items) if item.is_from_user), None)

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items)

    def add(self, item: Item, previous_id: str | None = None) -> str | None:
        """Put `item` after `previous_id`, at the end if None; return the id before it, if any."""
        at = len(self._items) if previous_id is None else self._after(previous_id)
        self.check_new([item])
        self._items.insert(at, item)
        before = self._items[at - 1].id if at else None
        self._forget_oldest()
        return before

    def check_new(self, items: Sequence[Item]) -> None:
        """Raise `ClientError` if not all of them can be added."""
        taken = {item.id for item in self._items}
        for item in items:
            if item.id in taken:
                raise ClientError(
                    "item_create_duplicate_item_id", f"An item {shown(item.id)} exists.", "item.id"
                )
            taken.add(item.id)
            if len(json.dumps(item.wire)) > self.LONGEST_ITEM:
                raise ClientError(
                    "string_above_max_length",
                    f"An item may hold {self.LONGEST_ITEM} characters.",
                    "item",
                )

    def get(self, item_id: str) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    def find(self, item_id: str, verb: str) -> Item:
        """Return the item; if there is none, raise `ClientError`, naming what `verb` wanted."""
        item = self.get(item_id)
        if item is None:
            raise ClientError(
                f"item_{verb}_invalid_item_id",
                f"Cannot {verb} the item: there is none with the id {shown(item_id)}.",
                "item_id",
            )
        return item

    def delete(self, item_id: str) -> None:
        self._items.remove(self.find(item_id, "delete"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget what of an answer comes after `audio_end_ms`, sound and words."""
        item = self.find(item_id, "truncate")
        if item.speech is None:
            raise ClientError(
                "invalid_value", "Only the sound of an answer can be truncated.", "item_id"
            )
        if content_index != 0:
            raise ClientError(
                "invalid_value", f"The item has no content {shown(content_index)}.", "content_index"
            )
        length_ms = samples_to_ms(item.speech.samples)
        if not 0 <= audio_end_ms <= length_ms:
            raise ClientError(
                "invalid_value",
                f"Audio content of {length_ms}ms is already shorter than {shown(audio_end_ms)}ms"
                if audio_end_ms > 0
                else f"The position {shown(audio_end_ms)}ms lies before the audio.",
                "audio_end_ms",
            )
        item.speech.truncate(ms_to_samples(audio_end_ms))
        for part in item.wire["content"]:
            part["transcript"] = item.speech.transcript

    def _forget_oldest(self) -> None:
        del self._items[: -self.MOST_ITEMS]
        characters = sum(len(item.text) for item in self._items)
        while characters > self.MOST_CHARACTERS:
            characters -= len(self._items.pop(0).text)

    def _after(self, previous_id: str) -> int:
        if previous_id == "root":
            return 0
        for index, item in enumerate(self._items):
            if item.id == previous_id:
                return index + 1
        raise ClientError(
            "item_create_invalid_previous_item_id",
            f"There is no item with the id {shown(previous_id)}.",
            "previous_item_id",
        )


def item_from_client(given: Event) -> Item:
    """Check and complete the item of `conversation.item.create`; raise `ClientError`."""
    return new_item(validated(ITEM, given, "item").model_dump(exclude_none=True))


def new_item(checked: Event) -> Item:
    """Make an item of fields that are known to be right."""
    if checked["type"] == "mcp_approval_response":
        raise ClientError("invalid_value", "No approval was requested.", "item.approval_request_id")
    recording = None
    for part in checked.get("content", ()):
        if part["type"] == "input_audio":
            if part.get("transcript") is None and part.get("audio"):
                if recording is not None:
                    raise ClientError(
                        "not_supported",
                        "An item may hold one recording here: send each in an item of its own.",
                        "item.content",
                    )
                recording = part["audio"]
            part.update(audio=None, transcript=part.get("transcript"))
    item_id = checked.get("id") or new_id("item")
    wire = {**checked, "id": item_id, "object": "realtime.item", "status": "completed"}
    return Item(wire, recording=recording)


def user_speech(item_id: str, audio_ms: int) -> Item:
    content = [{"type": "input_audio", "audio": None, "transcript": None}]
    return Item(_message(item_id, "user", "completed", content), audio_ms=audio_ms)


def answer(item_id: str, *, speaks: bool = True) -> Item:
    message = _message(item_id, "assistant", "in_progress", [])
    return Item(message, speech=AnswerSpeech() if speaks else None)


def function_call(item_id: str, call_id: str, name: str) -> Item:
    return Item(
        {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "call_id": call_id,
            "name": name,
            "arguments": "",
        }
    )


def _message(item_id: str, role: str, status: str, content: list[Event]) -> Event:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }
