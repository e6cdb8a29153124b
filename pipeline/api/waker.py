"""Wakes the tasks of an event loop from another thread."""

import asyncio
from contextlib import suppress

from pipeline.errors import SessionError


class LoopWaker:
    """Wakes the tasks of one event loop from another thread.

    While a loop is blocked, one call waits in it at most, however many events come.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: set[asyncio.Future[None]] = set()
        self._due = False

    def enter(self) -> None:
        """Bind to the running loop."""
        self._loop = self._loop or asyncio.get_running_loop()
        self.check_loop()

    def check_loop(self) -> None:
        """:raises SessionError: another loop runs."""
        if asyncio.get_running_loop() is not self._loop:
            raise SessionError(
                "This session was entered in another event loop, expected the running one: "
                "use a session in the loop that entered it."
            )

    async def wait_change(self) -> None:
        """Wait for the next `wake`. Call it right after looking, without awaiting in between."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def wake(self) -> None:
        """Wake all that wait; from any thread."""
        if self._due or self._loop is None:
            return
        self._due = True
        with suppress(RuntimeError):  # the loop was closed without closing the session
            self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        self._due = False  # first: what changes from here on wakes again
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
