"""WAV files of 16-bit mono samples, for signals and recordings."""

import wave
from pathlib import Path

import numpy as np

from pipeline.pcm import PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples


def write_wav(path: Path, samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    """Write `samples`, shape ``(samples,)``; return `path`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype(PCM16, copy=False).tobytes())
    return path


def read_wav(path: Path) -> Samples:
    """Return the samples of a 24 kHz file, shape ``(samples,)``, such as a recording.

    :raises ValueError: the file has another format.
    """
    with wave.open(str(path), "rb") as file:
        if file.getparams()[:3] != (1, SAMPLE_BYTES, SAMPLE_RATE_HZ):
            raise ValueError(f"{path} is {file.getparams()}, expected 16-bit mono at 24 kHz.")
        return np.frombuffer(file.readframes(file.getnframes()), PCM16)
