"""Threads for the work that would stop the event loop.

Inference releases the interpreter, so a thread is enough. They are daemon threads, unlike those of
`ThreadPoolExecutor`: a program that may leave by `os._exit` need not wait for a model that is being
loaded. One that leaves in the ordinary way has to, because onnxruntime aborts the process if it is
unloaded while it computes.
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
    """A few threads that do what they are given in its order."""

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
        """Return the future result. A future cancelled before its turn costs nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def job() -> None:
            if not future.cancelled():
                settle = _settler(future, function, args)
                with suppress(RuntimeError):  # the loop is closed: nobody waits
                    loop.call_soon_threadsafe(settle)

        self._jobs.put(job)
        return future

    def stop(self) -> None:
        """Let the threads end after what they are doing."""
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
    """Do the work here, and return what hands its outcome over on the event loop."""
    try:
        value = function(*args)
    except Exception as error:  # noqa: BLE001 - handed to whoever waits for the future
        failure = error
        return lambda: None if future.cancelled() else future.set_exception(failure)
    return lambda: None if future.cancelled() else future.set_result(value)
