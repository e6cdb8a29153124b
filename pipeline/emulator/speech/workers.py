"""Threads for work that would block the event loop.

Inference releases the interpreter, so threads suffice. Unlike those of `ThreadPoolExecutor` they
are daemon threads: a program that exits by `os._exit` does not wait for a model that is being
loaded. An ordinary exit does wait, because onnxruntime aborts the process if it is unloaded while
it computes.
"""

import asyncio
import atexit
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

_T = TypeVar("_T")


class Workers:
    """A few threads that start jobs in the order of `submit`."""

    def __init__(self, name: str, count: int) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self._wait_until_idle)

    def submit(self, function: Callable[..., _T], *args: object) -> asyncio.Future[_T]:
        """Queue `function(*args)`. If the future is cancelled in time, the job is skipped."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def job() -> None:
            if not future.cancelled():
                settle = _settler(future, function, args)
                with suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(settle)

        self._jobs.put(job)
        return future

    def stop(self) -> None:
        """Tell the threads to end after the queued jobs."""
        for _ in self._threads:
            self._jobs.put(None)

    def _wait_until_idle(self) -> None:
        self.stop()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _settler(
    future: asyncio.Future[Any], function: Callable[..., Any], args: tuple[object, ...]
) -> Callable[[], None]:
    """Run the job in this thread; return a function that settles `future` on the event loop."""
    try:
        value = function(*args)
    except Exception as error:  # noqa: BLE001 - set as the exception of the future
        failure = error
        return lambda: None if future.cancelled() else future.set_exception(failure)
    return lambda: None if future.cancelled() else future.set_result(value)
