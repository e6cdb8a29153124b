"""Arrays of samples."""

import numpy as np
import numpy.typing as npt

PCM16 = np.dtype("<i2")
Samples = npt.NDArray[np.int16]
"""Mono samples, shape ``(n,)``, int16, full scale ±32768."""


def peak(samples: Samples) -> int:
    """Largest absolute value, 0 to 32768; 0 for an empty array."""
    if not samples.size:
        return 0
    return max(int(np.max(samples)), -int(np.min(samples)))
