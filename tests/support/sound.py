"""Seeded test signals, and WAV files of them."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 24_000

Samples = npt.NDArray[np.int16]


def noise(seconds: float, low: int, high: int, seed: int) -> Samples:
    """White noise with values from `low` to `high`: no stretch of it looks like another."""
    random = np.random.default_rng(seed)
    return random.integers(low, high, round(seconds * RATE_HZ), np.int16, endpoint=True)


def write_wav(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def read_wav(path: Path) -> Samples:
    """A recording of the program: PCM16, mono, 24 kHz."""
    with wave.open(str(path), "rb") as file:
        assert file.getparams()[:3] == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)
