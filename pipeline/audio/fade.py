"""Fades for sound that stops or begins in the middle, so that it does not click."""

from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.pcm import SAMPLE_RATE_HZ, Samples

FADE_MS = 2
"""Raised cosine: short enough for the cut, long enough not to click."""


def fade_samples(rate_hz: int = SAMPLE_RATE_HZ) -> int:
    """Length of a fade, in samples at `rate_hz`."""
    return rate_hz * FADE_MS // 1_000


@cache
def falling(samples: int) -> npt.NDArray[np.float32]:
    """Gains of a fade-out, from nearly 1 to 0, shape ``(samples,)``; a fade-in is 1 minus them."""
    phase = np.arange(1, samples + 1, dtype=np.float32) / samples
    return np.float32(0.5) * (1 + np.cos(np.float32(np.pi) * phase))


class FadeIn:
    """A fade-in of `samples`, which may reach over several periods.

    :ivar under_way: whether the next samples belong to it.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._risen_samples = samples
        self.under_way = False

    def begin(self) -> None:
        """Let the next samples rise from silence."""
        self._risen_samples = 0
        self.under_way = True

    def end(self) -> None:
        """Let the next samples sound as they are."""
        self._risen_samples = self._samples
        self.under_way = False

    def shape(self, sound: Samples) -> None:
        """Change the loudness of the next samples in place."""
        rising = sound[: self._samples - self._risen_samples]
        gains = 1 - falling(self._samples)[self._risen_samples :][: len(rising)]
        rising[:] = rising * gains
        self._risen_samples += len(rising)
        self.under_way = self._risen_samples < self._samples
