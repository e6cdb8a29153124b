"""When each sample of a card passed its edge."""

from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.ipc.reports import MissedPeriod
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, samples_to_ns

Times = npt.NDArray[np.int64]


class CardClock:
    """Joins positions and times at anchors; from one on a card runs at 24 kHz until the next.

    :param samples: positions, rising from 0.
    :param times_ns: when they passed, ``time.monotonic_ns``.
    """

    def __init__(self, samples: Times, times_ns: Times) -> None:
        self._samples = samples
        # A callback that came too early found room in the card: its samples passed no earlier than
        # those before them.
        self._times_ns = np.maximum.accumulate(times_ns)

    @classmethod
    def exact(cls, start_ns: int) -> Self:
        """A clock that never deviates."""
        return cls(np.zeros(1, np.int64), np.array([start_ns], np.int64))

    @classmethod
    def delayed(cls, start_ns: int, period_samples: int, missed: Iterable[MissedPeriod]) -> Self:
        """The virtual card's clock: it takes a period whenever it comes.

        One that came too late passed a card's buffer, which is a period, before it had come.
        """
        period_ns = samples_to_ns(period_samples)
        anchors = {0: start_ns}
        for due_ns, done_ns in sorted(missed):
            first = round((due_ns - start_ns) / period_ns) * period_samples
            anchors[first] = done_ns - period_ns
            anchors[first + period_samples] = due_ns + period_ns
        return cls(np.array([*anchors], np.int64), np.array([*anchors.values()], np.int64))

    def time_ns(self, sample: float) -> float:
        """When `sample` passed."""
        at = max(0, int(np.searchsorted(self._samples, sample, "right")) - 1)
        passed = sample - self._samples[at]
        return float(self._times_ns[at] + passed * NS_PER_S / SAMPLE_RATE_HZ)

    def index(self, time_ns: int) -> int:
        """The first sample that passed at `time_ns` or later."""
        at = max(0, int(np.searchsorted(self._times_ns, time_ns, "right")) - 1)
        passed_ns = int(time_ns - self._times_ns[at])
        index = int(self._samples[at]) - (-passed_ns * SAMPLE_RATE_HZ // NS_PER_S)
        if at + 1 < len(self._samples):
            index = min(index, int(self._samples[at + 1]))
        return max(0, index)
