"""WAV files of 16-bit mono samples, for signals and recordings."""

from pathlib import Path

import soundfile

from pipeline.pcm import SAMPLE_RATE_HZ, Samples


def write_wav(path: Path, samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    """Write `samples`, shape ``(samples,)``; return `path`."""
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path


def read_wav(path: Path) -> Samples:
    """Return the samples of a 24 kHz file, shape ``(samples,)``, such as a recording.

    :raises ValueError: the file has another format.
    """
    samples: Samples
    samples, rate_hz = soundfile.read(path, dtype="int16")
    if samples.ndim != 1 or rate_hz != SAMPLE_RATE_HZ:
        raise ValueError(f"{path} is {samples.shape} at {rate_hz} Hz, expected mono at 24 kHz.")
    return samples
