"""What the service remembers of a conversation: its items, in order."""

import json
from collections.abc import Sequence

from pipeline.emulator.conversation.items import Item
from pipeline.emulator.wire.events import ClientError, new_id, shown
from pipeline.pcm import ms_to_samples, samples_to_ms


class ConversationHistory:
    """Items in order. Their number and their size are bounded: the oldest are dropped."""

    MOST_ITEMS = 1_000
    MOST_CHARACTERS = 4 * 1024 * 1024
    LONGEST_ITEM = 256 * 1024

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: list[Item] = []

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
        self._drop_oldest()
        return before

    def check_new(self, items: Sequence[Item]) -> None:
        """Raise `ClientError` if not all of them can be added."""
        taken = {item.id for item in self._items}
        for item in items:
            if item.id in taken:
                raise ClientError(
                    "item_create_duplicate_item_id",
                    f"The item {shown(item.id)} exists already.",
                    "item.id",
                )
            taken.add(item.id)
            if len(json.dumps(item.wire)) > self.LONGEST_ITEM:
                raise ClientError(
                    "string_above_max_length",
                    f"The item is too long: an item may hold {self.LONGEST_ITEM} characters.",
                    "item",
                )

    def get(self, item_id: str) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    def find(self, item_id: str, verb: str) -> Item:
        """Return the item; if it does not exist, raise `ClientError` with a code for `verb`."""
        item = self.get(item_id)
        if item is None:
            raise ClientError(
                f"item_{verb}_invalid_item_id",
                f"Cannot {verb} the item: no item has the id {shown(item_id)}.",
                "item_id",
            )
        return item

    def delete(self, item_id: str) -> None:
        self._items.remove(self.find(item_id, "delete"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Drop the sound and the words of an answer after `audio_end_ms`."""
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

    def _drop_oldest(self) -> None:
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
            f"No item has the id {shown(previous_id)}.",
            "previous_item_id",
        )
