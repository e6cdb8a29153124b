"""What a process does so that neither its own housekeeping nor other programs delay the sound."""

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.child import Supervised
from pipeline.reports import Log

AUDIO_PRIORITY = 70
"""Above ordinary real-time work, below the sound server's own threads."""

NETWORK_PRIORITY = 60
"""A cut begins with an event of the service, and must not wait for a busy processor either."""


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
    """Real-time scheduling for a thread, asked for once and told from any thread."""

    def __init__(self, priority: int) -> None:
        self._priority = priority
        self._outcome = ""
        self._told = False

    def promote_once(self) -> None:
        """Call this on the thread itself: the system promotes whoever asks."""
        if not self._outcome:
            self._outcome = raise_thread_priority(self._priority)

    def tell(self, supervised: Supervised) -> None:
        """Report the outcome as soon as there is one; for a thread that may wait."""
        if self._outcome and not self._told:
            self._told = True
            supervised.report(Log(logging.INFO, "pipeline.realtime", self._outcome))


def raise_thread_priority(priority: int) -> str:
    """Ask for real-time scheduling of the calling thread; says in words what came of it."""
    if sys.platform != "linux":
        return "ordinary priority: real-time scheduling is asked for on Linux only"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return "ordinary priority: the system refuses SCHED_FIFO (see ulimit -r)"
    return f"real-time priority {priority} (SCHED_FIFO)"
