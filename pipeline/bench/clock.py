"""The time at which each sample of a card passed the device edge."""

from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.ipc.events import MissedPeriod
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, samples_to_ns

Times = npt.NDArray[np.int64]


class CardClock:
    """Anchors of position and time; between two anchors the card runs at exactly 24 kHz.

    :param samples: positions of the anchors, rising from 0, shape ``(anchors,)``.
    :param times_ns: when they passed, ``time.monotonic_ns``, shape ``(anchors,)``.
    """

    def __init__(self, samples: Times, times_ns: Times) -> None:
        self._samples = samples
        # Samples pass in order: those of a callback that came too early wait in the card's buffer
        # until the samples before them have passed.
        self._times_ns = np.maximum.accumulate(times_ns)

    @classmethod
    def exact(cls, start_ns: int) -> Self:
        """Return a clock without deviations."""
        return cls(np.zeros(1, np.int64), np.array([start_ns], np.int64))

    @classmethod
    def delayed(cls, start_ns: int, period_samples: int, missed: Iterable[MissedPeriod]) -> Self:
        """Return the virtual card's clock, which takes a late period when it comes.

        A period that came too late passed one period, the length of the card's buffer, before it
        was done.
        """
        period_ns = samples_to_ns(period_samples)
        anchors = {0: start_ns}
        for due_ns, done_ns in sorted(missed):
            first = round((due_ns - start_ns) / period_ns) * period_samples
            anchors[first] = done_ns - period_ns
            anchors[first + period_samples] = due_ns + period_ns
        return cls(np.array([*anchors], np.int64), np.array([*anchors.values()], np.int64))

    def time_ns(self, sample: float) -> float:
        """Return when `sample` passed, ``time.monotonic_ns``."""
        at = max(0, int(np.searchsorted(self._samples, sample, "right")) - 1)
        passed = sample - self._samples[at]
        return float(self._times_ns[at] + passed * NS_PER_S / SAMPLE_RATE_HZ)

    def index(self, time_ns: int) -> int:
        """Return the first sample that passed at `time_ns` or later."""
        at = max(0, int(np.searchsorted(self._times_ns, time_ns, "right")) - 1)
        passed_ns = int(time_ns - self._times_ns[at])
        index = int(self._samples[at]) - (-passed_ns * SAMPLE_RATE_HZ // NS_PER_S)
        if at + 1 < len(self._samples):
            index = min(index, int(self._samples[at + 1]))
        return max(0, index)
