"""Text that a client streams into an item, with `input_text.delta` and `input_text.done`."""

from typing import Any

from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item, new_item
from pipeline.emulator.wire.events import ClientError, shown


class TextInput:
    """Appends text to items that exist, and collects the text of items that do not exist yet."""

    MOST_UNFINISHED = 16

    def __init__(self, conversation: ConversationHistory) -> None:
        self._conversation = conversation
        self._unfinished: dict[str, str] = {}

    def append(self, item_id: str, content_index: int, delta: str) -> None:
        """Add `delta` to the text of a message of the user; raise `ClientError` if impossible."""
        item = self._conversation.get(item_id)
        if item is not None:
            part = _text_part(item, content_index)
            _check_length(part["text"], delta)
            part["text"] += delta
            return
        if content_index != 0:
            raise _no_content(content_index)
        if item_id not in self._unfinished and len(self._unfinished) >= self.MOST_UNFINISHED:
            raise ClientError(
                "invalid_value", "Too many items are being streamed: finish one first.", "id"
            )
        _check_length(self._unfinished.get(item_id, ""), delta)
        self._unfinished[item_id] = self._unfinished.get(item_id, "") + delta

    def finish(self, item_id: str, content_index: int) -> Item | None:
        """End a text; return the item to add for it, or None if its item exists already."""
        item = self._conversation.get(item_id)
        if item is not None:
            _text_part(item, content_index)
            return None
        if item_id not in self._unfinished:
            raise ClientError("invalid_value", "No text was streamed into this item.", "id")
        content = [{"type": "input_text", "text": self._unfinished.pop(item_id)}]
        return new_item({"type": "message", "role": "user", "id": item_id, "content": content})


def _text_part(item: Item, content_index: int) -> dict[str, Any]:
    content = item.wire.get("content") if item.is_from_user else None
    if content is None:
        raise ClientError("invalid_value", "The item is not a message of the user.", "id")
    if not 0 <= content_index < len(content) or content[content_index]["type"] != "input_text":
        raise _no_content(content_index)
    part: dict[str, Any] = content[content_index]
    return part


def _no_content(content_index: int) -> ClientError:
    return ClientError(
        "invalid_value", f"The item has no text at {shown(content_index)}.", "content_index"
    )


def _check_length(text: str, delta: str) -> None:
    if len(text) + len(delta) > ConversationHistory.LONGEST_ITEM:
        raise ClientError(
            "string_above_max_length",
            f"Text too long: an item may hold {ConversationHistory.LONGEST_ITEM} characters.",
            "delta",
        )
