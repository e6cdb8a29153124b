"""The conversation for programs with an event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self

from pipeline.api.controls import ENDED, SessionControls
from pipeline.config.settings import Settings
from pipeline.errors import SessionError
from pipeline.ipc.reports import Event


class VoiceSession(SessionControls, AsyncIterator[Event]):
    """A conversation: an asynchronous context manager, and an iterator of its events.

        async with VoiceSession(settings) as session:
            async for event in session:
                print(event)

    Entering starts the processes and returns at once. The iterator ends when a recorded input has
    been answered or the session is closed, and raises the `PipelineError` that ended it otherwise.
    Leaving the context ends everything: processes, threads, shared memory.

    The session belongs to the event loop that it was entered in.

    :param tools: functions, methods and coroutine functions with type hints and a docstring, which
        the model may call, besides the files of ``settings.tools``.
    :param tools_in: "caller": coroutines run on the event loop, each other
        function in a thread of its own. "process": all run in a process of their own, which
        imports them, and where a function that does not return can be ended.
    :raises ToolError: the model could not call one of them.
    :raises SettingsError: a setting cannot be used; the sentence is that of the command line.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        tools: Sequence[Callable[..., Any]] = (),
        tools_in: Literal["caller", "process"] = "caller",
    ) -> None:
        self._waker = _Waker()
        super().__init__(settings, tools, tools_in, self._waker.wake)

    async def __aenter__(self) -> Self:
        """Start the conversation.

        :raises SessionError: it was started before.
        """
        self._waker.enter()
        self._begin(asyncio.get_running_loop())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the conversation.

        :raises PipelineError: it has failed, and its events were not read to the end.
        """
        await self.close()
        if error is None:
            self._raise_failure()

    async def __anext__(self) -> Event:
        """Wait for the next event.

        :raises SessionError: in another event loop, or before the session is entered.
        :raises PipelineError: the conversation could not start, or broke off.
        """
        self._check_started()
        self._waker.check_loop()
        while True:
            ended = self._thread.ended  # before the queue: the end comes after the last event
            event = self._thread.take()
            if event is not None:
                return event
            if ended:
                self._raise_failure()
                raise StopAsyncIteration
            await self._waker.wait_change()

    async def wait_open(self) -> None:
        """Wait until the session, the microphone and the speaker work.

        :raises PipelineError: the conversation could not start.
        :raises SessionError: it was closed before.
        """
        self._check_started()
        self._waker.check_loop()
        while not self._thread.opened:
            if self._thread.ended:
                self._raise_failure()
                raise SessionError(ENDED)
            await self._waker.wait_change()

    async def close(self) -> None:
        """End the conversation, and wait until nothing is left of it: about a second at most.

        Events that were not read can still be read. A cancellation waits for the end as well.
        """
        if not self._started:
            return
        self._waker.check_loop()
        self._thread.stop()
        cancelled: asyncio.CancelledError | None = None
        while not self._thread.ended:
            try:
                await self._waker.wait_change()
            except asyncio.CancelledError as error:
                cancelled = error
        self._thread.join()  # its last statements
        if cancelled is not None:
            raise cancelled


class _Waker:
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
