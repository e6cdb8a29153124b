"""The clock of a sound card, from counted samples and the times that the card tells for them."""

import math

from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ

JUMP_SAMPLES = SAMPLE_RATE_HZ // 200
"""A card whose times move by more has lost samples, was opened again, or stood still."""

_JUMPED_OBSERVATIONS = 20
"""A busy processor tells a few late times in a row."""
_WINDOW_SAMPLES = 2 * SAMPLE_RATE_HZ
_PAUSE_SAMPLES = 10 * SAMPLE_RATE_HZ
"""The clock may have drifted meanwhile."""


class StreamClock:
    """Tells which time belongs to which sample at 24 kHz.

    A callback that runs late tells a late time, and none tells an early one: so the earliest times
    of the latest windows count.

    :ivar offset: time less position, in samples; None before the first time.
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self._before = math.inf  # earliest of the window before
        self._earliest = math.inf  # of this window
        self._window_start = 0.0
        self._late = 0
        self._latest_position = 0.0

    def observe(self, position: float, time_ns: int) -> None:
        """Take the time of the sample at `position`."""
        seen = time_ns * SAMPLE_RATE_HZ / NS_PER_S - position
        paused = position - self._latest_position > _PAUSE_SAMPLES
        self._latest_position = position
        if self.offset is None:
            self._begin(seen, position)
            return
        self._late = self._late + 1 if seen > self.offset + JUMP_SAMPLES else 0
        if self._late >= _JUMPED_OBSERVATIONS or (paused and not self._late):
            self._begin(seen, position)
        if position - self._window_start > _WINDOW_SAMPLES:
            self._before, self._earliest = self._earliest, math.inf
            self._window_start = position
        self._earliest = min(self._earliest, seen)
        self.offset = min(self._before, self._earliest)

    def _begin(self, seen: float, position: float) -> None:
        self.offset = self._earliest = seen
        self._before = math.inf
        self._window_start = position
        self._late = 0
