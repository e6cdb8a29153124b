"""What a process does so that neither its own housekeeping nor other programs delay the sound."""

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.system.scheduling import (
    keep_in_memory,
    promote_by_broker,
    promote_ordinary_threads,
    promote_this_thread,
)

_log = logging.getLogger(__name__)

AUDIO_PRIORITY = 70
"""Above ordinary real-time work."""

NETWORK_PRIORITY = 60
"""A cut begins with an event of the service, and must not wait for a busy processor either."""


HELPER_PRIORITY = 50
"""Threads beside them share their interpreter. One that is preempted while it holds it would keep
them waiting, for as long as busy programs like."""


def protect_process() -> None:
    """Keep this process's other threads from being preempted, and its memory from being paged out.

    Call it when all threads run; the others must do next to nothing.
    """
    promote_ordinary_threads(HELPER_PRIORITY)
    keep_in_memory()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch cyclic garbage collection off while the callbacks run: they make no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


class Promotion:
    """Real-time scheduling for a thread, asked for once; its outcome is logged from any thread.

    :param by_broker: whether rtkit may be asked, which has a process ended whose thread runs for
        200 ms without a pause.
    """

    def __init__(self, priority: int, *, by_broker: bool) -> None:
        self._priority = priority
        self._by_broker = by_broker
        self._asked = False
        self._granted: str | None = None
        self._thread_id = 0
        self._logged = False

    def promote_once(self) -> None:
        """Call this on the thread itself: the system promotes whoever asks."""
        if not self._asked:
            self._thread_id = threading.get_native_id()
            self._granted = promote_this_thread(self._priority)
            self._asked = True

    def log_outcome(self) -> None:
        """Log the outcome once, as soon as there is one; for a thread that may wait."""
        if self._asked and not self._logged:
            self._logged = True
            granted = self._granted
            if granted is None and self._by_broker:
                granted = promote_by_broker(self._thread_id)
            outcome = granted or "ordinary priority: the system grants no real-time scheduling"
            _log.info(outcome)
