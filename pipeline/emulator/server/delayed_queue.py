"""A queue of messages between a session and its socket that delivers each after a delay."""

import asyncio
import time
from collections import deque
from collections.abc import Sized
from typing import Generic, TypeVar

from pipeline.emulator.server.fault_injection import LinkDelay

_MOST_BYTES = 64 * 1024 * 1024
"""A queue with this much is full, even of messages still under way: it bounds the memory."""

_T = TypeVar("_T", bound=Sized)


class DelayedQueue(Generic[_T]):
    """`put` never waits; `get` returns messages in order once they have arrived.

    After many messages, await `wait_for_room`.
    """

    def __init__(self, link_delay: LinkDelay) -> None:
        self._link_delay = link_delay
        self._under_way: deque[tuple[float, _T]] = deque()
        self._bytes = 0
        self._put = asyncio.Event()
        self._taken = asyncio.Event()

    def put(self, message: _T) -> None:
        self._under_way.append((self._link_delay.arrival_s(time.monotonic()), message))
        self._bytes += len(message)
        self._put.set()

    async def get(self) -> _T:
        """Wait for the next message and take it. Only one task may call this."""
        while not self._under_way:
            self._put.clear()
            await self._put.wait()
        missing_s = self._under_way[0][0] - time.monotonic()
        if missing_s > 0:
            await asyncio.sleep(missing_s)
        _, message = self._under_way.popleft()
        self._bytes -= len(message)
        self._taken.set()
        return message

    async def wait_for_room(self, most: int) -> None:
        """Wait until fewer than `most` arrived messages wait to be taken."""
        while self._is_full(most):
            self._taken.clear()
            await self._taken.wait()

    def _is_full(self, most: int) -> bool:
        if self._bytes >= _MOST_BYTES:
            return True
        return len(self._under_way) >= most and self._under_way[most - 1][0] <= time.monotonic()
