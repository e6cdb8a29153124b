"""An event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs an event loop as long as the context lasts, and leaves no task of it behind."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def call(self, step: Coroutine[Any, Any, T], longest_s: float = 60.0) -> T:
        """Run `step` in the loop, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(longest_s)

    def _run(self) -> None:
        # At its end the runner cancels what is left, waits for that, and closes the loop.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
