"""Finds where in a known signal some samples come from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.pcm import Samples

WINDOW = 16
"""Samples that identify a place: faint noise of 19 values repeats them once in 10^20 places."""

_FACTORS = np.power(np.uint64(0x9E3779B97F4A7C15), np.arange(WINDOW, dtype=np.uint64))


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples of the signal, found one after the other."""

    found_at: int
    """Index of the first one within the samples that were searched."""
    start: int
    """Index of the first one within the signal."""
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


class Code:
    """A signal in which no stretch of `WINDOW` samples occurs twice.

    :param signal: shape ``(samples,)``.
    """

    def __init__(self, signal: Samples) -> None:
        hashes = _hashes(signal)
        self._places = np.argsort(hashes)
        self._hashes = hashes[self._places]

    def runs(self, samples: Samples) -> list[Run]:
        """Return the runs within `samples`, in order; what belongs to none is not of the signal."""
        if len(samples) < WINDOW:
            return []
        wanted = _hashes(samples)
        index = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        known = self._hashes[index] == wanted
        offsets = np.where(known, self._places[index] - np.arange(len(wanted)), _UNKNOWN)
        borders = np.flatnonzero(np.diff(offsets)) + 1
        firsts, ends = [0, *borders.tolist()], [*borders.tolist(), len(offsets)]
        return [
            Run(first, first + int(offsets[first]), end - first + WINDOW - 1)
            for first, end in zip(firsts, ends, strict=True)
            if offsets[first] != _UNKNOWN
        ]


_UNKNOWN = np.iinfo(np.int64).min


def _hashes(samples: Samples) -> npt.NDArray[np.uint64]:
    """Return a hash of each window, shape ``(samples - WINDOW + 1,)``."""
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.uint64), WINDOW)
    return windows @ _FACTORS
