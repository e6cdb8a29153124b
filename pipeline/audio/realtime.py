"""What an audio process does so that nothing of its own delays a device period."""

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.child import Supervised
from pipeline.reports import Log

_FIFO_PRIORITY = 70
"""Above ordinary real-time work, below the sound server's own threads."""


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
    """Real-time scheduling for a card's thread, asked for once and told from another thread."""

    def __init__(self) -> None:
        self._outcome = ""
        self._told = False

    def promote_once(self) -> None:
        """Call this on the card's own thread: the system promotes whoever asks."""
        if not self._outcome:
            self._outcome = _raise_thread_priority()

    def tell(self, supervised: Supervised) -> None:
        """Report the outcome as soon as there is one; for a thread that may wait."""
        if self._outcome and not self._told:
            self._told = True
            supervised.report(Log(logging.INFO, "pipeline.audio", self._outcome))


def _raise_thread_priority() -> str:
    if sys.platform != "linux":
        return "ordinary priority: real-time scheduling is asked for on Linux only"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_FIFO_PRIORITY))
    except PermissionError:
        return "ordinary priority: the system refuses SCHED_FIFO (see ulimit -r)"
    return f"real-time priority {_FIFO_PRIORITY} (SCHED_FIFO)"
