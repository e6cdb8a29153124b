"""Seeded test signals, and WAV files of them."""

import numpy as np
import numpy.typing as npt

from pipeline.bench.wav_files import read_wav, write_wav

__all__ = ["RATE_HZ", "Samples", "noise", "read_wav", "write_wav"]

RATE_HZ = 24_000

Samples = npt.NDArray[np.int16]


def noise(seconds: float, low: int, high: int, seed: int) -> Samples:
    """Return white noise with values from `low` to `high`; no two parts of it are alike."""
    random = np.random.default_rng(seed)
    return random.integers(low, high, round(seconds * RATE_HZ), np.int16, endpoint=True)
