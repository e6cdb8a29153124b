"""Events on their way to one client, in order and not too many."""

import time

from pipeline.emulator.server.delayed_queue import Line
from pipeline.emulator.server.fault_injection import Distortion, downlink
from pipeline.emulator.server.faults import NO_FAULTS, Faults
from pipeline.emulator.wire.events import Event


class Outbox:
    """Events are put without waiting; whoever makes many of them waits for room in between."""

    def __init__(self, faults: Faults = NO_FAULTS) -> None:
        self._distortion = Distortion(faults)
        self._line = Line[str](downlink(faults, time.monotonic()))

    def put(self, *events: Event) -> None:
        """Add events as they are now: what they refer to may change afterwards."""
        for each in events:
            for message in self._distortion.messages(each):
                self._line.put(message.text)

    async def get(self) -> str:
        """Wait for the next message and take it. For one task alone."""
        return await self._line.get()

    async def wait_for_room(self, most: int) -> None:
        """Wait until fewer than `most` messages are there."""
        await self._line.wait_for_room(most)
