"""Heartbeats: detect a process that runs but has stopped working."""

from pipeline.pcm import NS_PER_S
from pipeline.shm.atomics import Word


class Heartbeat:
    """Watches a word in which a process stores the time while it works.

    0 means that the work has not begun.

    :ivar silent: whether the latest beat was too long ago when `changed` last looked.
    """

    PATIENCE_S = 3
    """Longer than reopening a card takes."""

    def __init__(self, word: Word) -> None:
        self._word = word
        self.silent = False

    def changed(self, now_ns: int) -> bool:
        """Look again and return whether `silent` changed; `now_ns` is ``time.monotonic_ns``."""
        latest_ns = self._word.load()
        was_silent = self.silent
        self.silent = latest_ns > 0 and now_ns - latest_ns > self.PATIENCE_S * NS_PER_S
        return self.silent != was_silent
