"""Notices that repeat: the first is shown, the others are counted."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WITH_DIGIT = re.compile(r"(?<!\S)[^\s\d]*\d\S*")
"""A word with a digit, tried from its beginning only: a service may send a word without an end."""


@dataclass(slots=True)
class _Kind:
    """Notices that count as repeats of each other."""

    latest: str
    look_at_s: float
    interval_s: float
    uncounted: int = 0

    def take_count(self) -> Iterator[str]:
        """Yield a sentence about the repeats since the last one, if there are any."""
        if self.uncounted:
            times = "once more" if self.uncounted == 1 else f"{self.uncounted:,} more times"
            yield f"{self.latest} ({times})"
        self.uncounted = 0


class RepeatCounter:
    """Decides which sentences are shown; the methods yield those to show now.

    Sentences that differ only in numbers, or in words with digits such as ids, are one kind. The
    first of a kind is shown at once. Its repeats are counted, and told when another kind comes, at
    the end, and after 10 s, 20 s, and so on. A kind that is quiet for that long is forgotten.
    """

    FIRST_INTERVAL_S = 10.0
    LONGEST_INTERVAL_S = 320.0

    MOST_KINDS = 30
    """More in one interval are a flood of nonsense: only their number is told."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._kinds: dict[str, _Kind] = {}
        self._left_out = 0

    def take(self, sentence: str) -> Iterator[str]:
        key = _WITH_DIGIT.sub("0", sentence)
        if kind := self._kinds.get(key):
            kind.latest = sentence
            kind.uncounted += 1
            return
        yield from self.counts()
        if len(self._kinds) >= self.MOST_KINDS:
            self._left_out += 1
            return
        interval_s = self.FIRST_INTERVAL_S
        self._kinds[key] = _Kind(sentence, self._now_s() + interval_s, interval_s)
        yield sentence

    def due(self) -> Iterator[str]:
        """Tell the counts whose time has come; call this a few times a second."""
        now_s = self._now_s()
        for key, kind in list(self._kinds.items()):
            if now_s < kind.look_at_s:
                continue
            if not kind.uncounted:
                del self._kinds[key]
            yield from kind.take_count()
            kind.interval_s = min(2 * kind.interval_s, self.LONGEST_INTERVAL_S)
            kind.look_at_s = now_s + kind.interval_s
        if len(self._kinds) < self.MOST_KINDS:
            yield from self._take_left_out()

    def counts(self) -> Iterator[str]:
        """Tell all counts now."""
        for kind in self._kinds.values():
            yield from kind.take_count()

    def end(self) -> Iterator[str]:
        """Tell everything that has not been told."""
        yield from self.counts()
        yield from self._take_left_out()

    def _take_left_out(self) -> Iterator[str]:
        if self._left_out:
            yield f"({self._left_out:,} more notices of other kinds were not shown)"
        self._left_out = 0
