"""Fades for sound that stops or begins in the middle, so that it does not click."""

from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.pcm import SAMPLE_RATE_HZ

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
