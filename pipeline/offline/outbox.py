"""Events on their way to one client, in order and not too many."""

import asyncio
import json
from collections import deque

from pipeline.offline.wire import Event


class Outbox:
    """Events are put without waiting; whoever makes many of them waits for room in between."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self._put = asyncio.Event()
        self._taken = asyncio.Event()

    def put(self, *events: Event) -> None:
        """Add events as they are now: what they refer to may change afterwards."""
        self._messages.extend(json.dumps(each, ensure_ascii=False) for each in events)
        self._put.set()

    async def get(self) -> str:
        """Wait for the next message and take it. For one task alone."""
        while not self._messages:
            self._put.clear()
            await self._put.wait()
        self._taken.set()
        return self._messages.popleft()

    async def wait_for_room(self, most: int) -> None:
        """Wait until fewer than `most` messages are there."""
        while len(self._messages) >= most:
            self._taken.clear()
            await self._taken.wait()
