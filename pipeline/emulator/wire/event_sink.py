"""Where server events go: the part of a connection's outbox that the session's parts see."""

from typing import Protocol

from pipeline.emulator.wire.events import Event


class EventSink(Protocol):
    """Takes events without waiting. After many events, await `wait_for_room`."""

    def put(self, *events: Event) -> None:
        """Add events in their present state: the objects in them may change afterwards."""
        ...

    async def wait_for_room(self, most: int) -> None:
        """Wait until fewer than `most` messages are unsent."""
        ...
