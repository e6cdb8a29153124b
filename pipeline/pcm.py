"""The one audio format inside the pipeline: PCM16, 24 kHz, mono, 50 ms frames.

Voice Live's ``pcm16`` is little-endian signed 16-bit at 24 kHz in both directions, so no sample
is converted between a sound card at that rate and the wire.
"""

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 24_000
FRAME_SAMPLES = 1_200
FRAME_MS = 50
BLOCK_SAMPLES = 240
"""What the ears hear at a time."""

BLOCK_MS = 10
SAMPLE_BYTES = 2

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

PCM16 = np.dtype("<i2")
Samples = npt.NDArray[np.int16]
"""Mono samples, shape ``(n,)``, int16, full scale ±32768."""

FULL_SCALE = 32_768
Sound = npt.NDArray[np.float32]
"""Mono samples, shape ``(n,)``, float32, full scale ±1."""


def samples_to_ms(samples: int) -> int:
    """Whole milliseconds contained in `samples` at 24 kHz, rounded down."""
    return samples * 1_000 // SAMPLE_RATE_HZ


def ms_to_samples(ms: float) -> int:
    """Samples in `ms` milliseconds at 24 kHz, to the nearest."""
    return round(ms * SAMPLE_RATE_HZ / 1_000)


def ms_to_ns(ms: float) -> int:
    """Nanoseconds in `ms` milliseconds, to the nearest."""
    return round(ms * NS_PER_MS)


def samples_to_ns(samples: int, rate_hz: int = SAMPLE_RATE_HZ) -> int:
    """Duration of `samples` in nanoseconds, rounded down."""
    return samples * NS_PER_S // rate_hz


def peak(samples: Samples) -> int:
    """Largest absolute value, 0 to 32768; 0 for an empty array."""
    if not samples.size:
        return 0
    return max(int(np.maximum.reduce(samples)), -int(np.minimum.reduce(samples)))
