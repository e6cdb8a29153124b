"""The session that is current, and the one that is opened to follow it, each in a task."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from pipeline.network.live_session import LiveSession


class Ended(NamedTuple):
    """A session has ended by itself, or could not be opened."""

    error: BaseException
    was_current: bool
    """Whether it was current; otherwise it was coming."""


class Sessions:
    """Runs sessions, of which one is current and one may be coming.

    :param create: makes a session that is not open.
    :param hold: opens a session and runs it to its end.
    :ivar current: the session that the conversation is held in.
    :ivar coming: the session that is to follow it; ready or not.
    """

    def __init__(
        self,
        create: Callable[[], LiveSession],
        hold: Callable[[LiveSession], Coroutine[Any, Any, None]],
    ) -> None:
        self._create = create
        self._hold = hold
        self._tasks: dict[LiveSession, asyncio.Task[None]] = {}
        self._ended: asyncio.Queue[tuple[LiveSession, BaseException]] = asyncio.Queue()
        self.current: LiveSession | None = None
        self.coming: LiveSession | None = None

    @property
    def listened_to(self) -> LiveSession | None:
        """The session whose events count: the current one; without one, the one that is coming.

        A service may begin to speak before it has accepted the settings.
        """
        return self.current or self.coming

    def open(self) -> None:
        """Begin to open the session that is to come."""
        session = self.coming = self._create()
        task = self._tasks[session] = asyncio.create_task(self._hold(session))
        task.add_done_callback(lambda task: self._on_end(session, task))

    def take_over(self) -> LiveSession:
        """Make the coming session current, and close the one that was."""
        if self.coming is None:
            raise RuntimeError("no session is coming")
        if self.current is not None:
            self._tasks[self.current].cancel()
        self.current, self.coming = self.coming, None
        self.current.take_over()
        return self.current

    async def next_end(self) -> Ended:
        """Wait until the current or the coming session has ended; it is neither any more."""
        while True:
            session, error = await self._ended.get()
            if session is self.current:
                self.current = None
                return Ended(error, was_current=True)
            if session is self.coming:
                self.coming = None
                return Ended(error, was_current=False)

    async def close(self) -> None:
        """End all sessions, in bounded time."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _on_end(self, session: LiveSession, task: asyncio.Task[None]) -> None:
        del self._tasks[session]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._ended.put_nowait((session, error))
