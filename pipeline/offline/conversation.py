"""What the service remembers of a conversation: its items, in order."""

from dataclasses import dataclass, field

from pipeline.offline.wire import ClientError, Event, checked, new_id, required
from pipeline.pcm import SAMPLE_RATE_HZ, samples_to_ms

_TEXT_PARTS = {"input_text": "text", "text": "text", "audio": "transcript"}
_SENT_PARTS = {"user": ("input_text",), "system": ("input_text",), "assistant": ("text",)}
_KINDS = ("message", "function_call", "function_call_output")


@dataclass(slots=True)
class Speech:
    """The words of an answer beside the sound that says them, as far as it was sent."""

    pieces: list[tuple[str, int]] = field(default_factory=list)

    @property
    def transcript(self) -> str:
        return "".join(words for words, _ in self.pieces)

    @property
    def samples(self) -> int:
        return sum(samples for _, samples in self.pieces)

    def truncate(self, samples: int) -> None:
        """Keep the first `samples`, and of the words as much as fits in proportion."""
        kept = []
        for words, length in self.pieces:
            part = min(samples, length)
            if part or (not length and samples):
                kept.append((_first_words(words, part, length), part))
            samples -= part
        self.pieces = kept


@dataclass(slots=True)
class Item:
    """`wire` is the protocol's item object. `speech` is that of an answer, `audio_ms` of a user."""

    wire: Event
    speech: Speech | None = None
    audio_ms: int = 0

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def text(self) -> str:
        """All words of the item, as far as they are known."""
        parts = self.wire.get("content") or []
        return " ".join(part.get("text") or part.get("transcript") or "" for part in parts)

    @property
    def is_from_user(self) -> bool:
        return self.wire.get("role") == "user"


class Conversation:
    """Items in order. The oldest are forgotten when there are very many."""

    MOST_ITEMS = 1_000

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
    def returned(self) -> list[str]:
        """What functions returned since the last words of anybody, oldest first."""
        outputs = []
        for item in reversed(self._items):
            if item.wire["type"] == "function_call_output":
                outputs.append(str(item.wire["output"]))
            elif item.wire["type"] == "message":
                break
        return outputs[::-1]

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items)

    def add(self, item: Item, previous_id: str | None = None) -> str | None:
        """Put `item` after `previous_id`, at the end if None; return the id before it, if any."""
        at = len(self._items) if previous_id is None else self._after(previous_id)
        if any(item.id == other.id for other in self._items):
            raise ClientError(
                "item_create_duplicate_item_id", f"An item '{item.id}' exists.", "item.id"
            )
        self._items.insert(at, item)
        before = self._items[at - 1].id if at else None
        del self._items[: -self.MOST_ITEMS]
        return before

    def find(self, item_id: str, verb: str) -> Item:
        """Return the item; if there is none, raise `ClientError`, naming what `verb` wanted."""
        for item in self._items:
            if item.id == item_id:
                return item
        raise ClientError(
            f"item_{verb}_invalid_item_id",
            f"Cannot {verb} the item: there is none with the id '{item_id}'.",
            "item_id",
        )

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
                "invalid_value", f"The item has no content {content_index}.", "content_index"
            )
        length_ms = samples_to_ms(item.speech.samples)
        if not 0 <= audio_end_ms <= length_ms:
            raise ClientError(
                "invalid_value",
                f"Audio content of {length_ms}ms is already shorter than {audio_end_ms}ms"
                if audio_end_ms > 0
                else f"The position {audio_end_ms}ms lies before the audio.",
                "audio_end_ms",
            )
        item.speech.truncate(audio_end_ms * SAMPLE_RATE_HZ // 1_000)
        for part in item.wire["content"]:
            part["transcript"] = item.speech.transcript

    def _after(self, previous_id: str) -> int:
        if previous_id == "root":
            return 0
        for index, item in enumerate(self._items):
            if item.id == previous_id:
                return index + 1
        raise ClientError(
            "item_create_invalid_previous_item_id",
            f"There is no item with the id '{previous_id}'.",
            "previous_item_id",
        )


def item_from_client(given: Event) -> Item:
    """Check and complete the item of `conversation.item.create`; raise `ClientError`."""
    kind = required(given, "type", str, "item.")
    if kind not in _KINDS:
        raise ClientError("invalid_value", f"Items cannot be of type '{kind}'.", "item.type")
    if kind == "message":
        _check_message(given)
    else:
        required(given, "call_id", str, "item.")
        required(given, "output" if kind == "function_call_output" else "name", str, "item.")
    item_id = checked(given.get("id") or new_id("item"), str, "item.id")
    return Item({**given, "id": item_id, "object": "realtime.item", "status": "completed"})


def user_speech(item_id: str, audio_ms: int) -> Item:
    content = [{"type": "input_audio", "transcript": None}]
    return Item(_message(item_id, "user", "completed", content), audio_ms=audio_ms)


def answer(item_id: str) -> Item:
    return Item(_message(item_id, "assistant", "in_progress", []), speech=Speech())


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


def _check_message(given: Event) -> None:
    role = required(given, "role", str, "item.")
    if role not in _SENT_PARTS:
        raise ClientError("invalid_value", f"There is no role '{role}'.", "item.role")
    for index, part in enumerate(required(given, "content", list, "item.")):
        at = f"item.content[{index}]"
        kind = required(checked(part, dict, at), "type", str, f"{at}.")
        if kind not in _SENT_PARTS[role]:
            raise ClientError(
                "unsupported_content_type",
                f"Content of type '{kind}' is not supported in a message of the {role}.",
                f"{at}.type",
            )
        required(part, _TEXT_PARTS[kind], str, f"{at}.")


def _first_words(words: str, part: int, length: int) -> str:
    """Return the whole words that fit into `part` of `length`."""
    if part == length:
        return words
    return words[: max(0, words.rfind(" ", 0, len(words) * part // length + 1))]
