"""Heartbeats: how a process that runs, but does its work no more, is noticed."""

from pipeline.pcm import NS_PER_S
from pipeline.shm.atomics import Word


class Heartbeat:
    """Watches the word into which a process stores the time as long as it works.

    A word that has never been stored tells nothing: the work has not begun.

    :ivar silent: whether the latest beat was long ago when `changed` looked.
    """

    PATIENCE_S = 3
    """Longer than a card takes to be opened anew."""

    def __init__(self, word: Word) -> None:
        self._word = word
        self.silent = False

    def changed(self, now_ns: int) -> bool:
        """Look again, at ``time.monotonic_ns``; whether `silent` is another one now."""
        latest_ns = self._word.load()
        was_silent = self.silent
        self.silent = latest_ns > 0 and now_ns - latest_ns > self.PATIENCE_S * NS_PER_S
        return self.silent != was_silent
