"""A user's turn that has ended: its item, and its words while they are still being recognised."""

import asyncio
from dataclasses import dataclass, field

from pipeline.emulator.conversation.items import Item


@dataclass(slots=True)
class UserTurn:
    """Shared by the turn detection, which made it, and the response that answers it."""

    item: Item
    words: "asyncio.Task[str]"
    may_be_reported: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as the protocol's order of events allows the transcription's events."""
    reporting: "asyncio.Task[None] | None" = None
    """Sends the transcription's events; `response.done` waits for it."""

    def __post_init__(self) -> None:
        self.item.words = self.words
