"""When an answer sounds: its periods, joined where no pause divides them."""

from collections.abc import Callable
from typing import NamedTuple

from pipeline.pcm import SAMPLE_RATE_HZ

_PAUSE_SAMPLES = SAMPLE_RATE_HZ // 4
"""A longer silence divides an answer's sound in two."""


class SoundSpan(NamedTuple):
    """What sounds without a pause of one answer item."""

    item: int
    begin: int
    end: int


class SoundSpans:
    """Joins what sounds.

    :param on_end: given each span that is over.
    """

    def __init__(self, on_end: Callable[[SoundSpan], None]) -> None:
        self._on_end = on_end
        self._span: SoundSpan | None = None

    def add(self, item: int, begin: int, end: int) -> None:
        """An answer item sounds from `begin` to `end`."""
        span = self._span
        if span and span.item == item and begin - span.end < _PAUSE_SAMPLES:
            self._span = SoundSpan(item, span.begin, end)
        else:
            self.end()
            self._span = SoundSpan(item, begin, end)

    def look(self, now_place: int) -> None:
        """End the span if nothing has followed it for a pause."""
        if self._span is not None and now_place - self._span.end > _PAUSE_SAMPLES:
            self.end()

    def end(self) -> None:
        """End the span, if there is one."""
        if self._span is not None:
            self._on_end(self._span)
            self._span = None
