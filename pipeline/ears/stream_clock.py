"""The clock of a sound card, from counted samples and the times that the card tells for them."""

from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ

JUMP_SAMPLES = SAMPLE_RATE_HZ // 200
"""A card whose times move by more has lost samples, was opened again, or stood still."""

_JUMPS_IN_ROW = 3
"""A single strange time is a fault of the time."""
_MEMORY = 200
_PAUSE_SAMPLES = 10 * SAMPLE_RATE_HZ
"""The clock may have drifted meanwhile: what was remembered counts little."""


class StreamClock:
    """Tells which time belongs to which sample at 24 kHz; single times may be off by a period.

    :ivar offset: average of time less position, in samples; None before the first time.
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self._count = 0
        self._jumps = 0
        self._latest = 0.0

    def observe(self, position: float, time_ns: int) -> bool:
        """Take the time of the sample at `position`; returns whether the card has jumped."""
        seen = time_ns * SAMPLE_RATE_HZ / NS_PER_S - position
        if self.offset is None:
            self._begin(seen)
        elif abs(seen - self.offset) > JUMP_SAMPLES:
            self._jumps += 1
            if self._jumps >= _JUMPS_IN_ROW:
                self._begin(seen)
                self._latest = position
                return True
        else:
            self._jumps = 0
            if position - self._latest > _PAUSE_SAMPLES:
                self._count = 1
            self._count = min(self._count + 1, _MEMORY)
            self.offset += (seen - self.offset) / self._count
        self._latest = position
        return False

    def _begin(self, seen: float) -> None:
        self.offset = seen
        self._count = 1
        self._jumps = 0
