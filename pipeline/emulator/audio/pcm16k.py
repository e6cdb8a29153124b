"""Sound as the models hear it: 16 kHz mono int16, in windows of 32 ms."""

import numpy as np
import numpy.typing as npt

RATE_16K_HZ = 16_000
WINDOW_SAMPLES = 512
WINDOW_MS = 32

Samples16k = npt.NDArray[np.int16]
"""Mono samples, shape ``(n,)``, int16, 16 kHz."""
