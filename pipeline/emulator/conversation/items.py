"""The items of a conversation: messages, function calls and their outputs."""

import asyncio
from dataclasses import dataclass

from pipeline.emulator.conversation.answer_speech import AnswerSpeech
from pipeline.emulator.wire.checking import validated
from pipeline.emulator.wire.events import ClientError, Event, new_id
from pipeline.emulator.wire.item_fields import ITEM


@dataclass(slots=True, eq=False)
class Item:
    """`wire` is the protocol's item object.

    `speech` belongs to answers, `audio_ms` to messages of the user. `recording` is base64 that a
    client sent without its words; `words` is the recognition under way.
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
        """The words of the item that are known."""
        if self.wire["type"] != "message":
            return str(self.wire.get("arguments", self.wire.get("output", "")))
        parts = self.wire["content"]
        return " ".join(part.get("text") or part.get("transcript") or "" for part in parts)

    async def understood(self) -> None:
        """Wait until the words are known; raise the error of recognition, once."""
        if self.words is None:
            return
        try:
            words = await asyncio.shield(self.words)
        except Exception:
            self.words = None  # later responses go without them
            raise
        for part in self.wire["content"]:
            if part["type"] == "input_audio" and part["transcript"] is None:
                part["transcript"] = words
                return

    @property
    def is_from_user(self) -> bool:
        return self.wire.get("role") == "user"


def item_from_client(given: Event) -> Item:
    """Check and complete the item of `conversation.item.create`; raise `ClientError`."""
    return new_item(validated(ITEM, given, "item").model_dump(exclude_none=True))


def new_item(checked: Event) -> Item:
    """Make an item of checked fields; raise `ClientError` if this service cannot keep it."""
    if checked["type"] == "mcp_approval_response":
        raise ClientError("invalid_value", "No approval was requested.", "item.approval_request_id")
    recording = None
    for part in checked.get("content", ()):
        if part["type"] == "input_audio":
            if part.get("transcript") is None and part.get("audio"):
                if recording is not None:
                    raise ClientError(
                        "not_supported",
                        "An item may hold one recording: send each in an item of its own.",
                        "item.content",
                    )
                recording = part["audio"]
            part.update(audio=None, transcript=part.get("transcript"))
    item_id = checked.get("id") or new_id("item")
    wire = {**checked, "id": item_id, "object": "realtime.item", "status": "completed"}
    return Item(wire, recording=recording)


def spoken_item(item_id: str, audio_ms: int) -> Item:
    content = [{"type": "input_audio", "audio": None, "transcript": None}]
    return Item(_message(item_id, "user", "completed", content), audio_ms=audio_ms)


def answer_item(item_id: str, *, speaks: bool = True) -> Item:
    message = _message(item_id, "assistant", "in_progress", [])
    return Item(message, speech=AnswerSpeech() if speaks else None)


def function_call_item(item_id: str, call_id: str, name: str) -> Item:
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
