"""Events on their way to one client: faults applied, in order, bounded."""

import time
from collections.abc import Callable

from pipeline.emulator.server.delayed_queue import DelayedQueue
from pipeline.emulator.server.fault_injection import FaultInjector, downlink
from pipeline.emulator.server.faults import NO_FAULTS, Faults
from pipeline.emulator.wire.events import Event


class Outbox:
    """The `EventSink` of one connection.

    :param note: told of each event, before any fault is applied.
    """

    def __init__(
        self, faults: Faults = NO_FAULTS, note: Callable[[Event], None] = lambda _: None
    ) -> None:
        self._note = note
        self._injector = FaultInjector(faults)
        self._queue = DelayedQueue[str](downlink(faults, time.monotonic()))

    def put(self, *events: Event) -> None:
        """Add events in their present state: the objects in them may change afterwards."""
        for each in events:
            self._note(each)
            for message in self._injector.messages(each):
                self._queue.put(message.text)

    async def get(self) -> str:
        """Wait for the next message and take it. Only one task may call this."""
        return await self._queue.get()

    async def wait_for_room(self, most: int) -> None:
        """Wait until fewer than `most` messages are unsent."""
        await self._queue.wait_for_room(most)
