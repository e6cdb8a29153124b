"""Convert one stream of sound to another rate."""

import numpy as np
import soxr

from pipeline.pcm import FULL_SCALE, Samples


class Resampler:
    """Converts one stream of int16 to another rate; the result does not depend on the slices."""

    def __init__(self, from_hz: int, to_hz: int, quality: str) -> None:
        # With int16 soxr dithers, differently for each slice.
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=quality)

    def resample(self, samples: Samples, *, last: bool = False) -> Samples:
        resampled = self._stream.resample_chunk(samples.astype(np.float32), last=last)
        int16: Samples = np.rint(resampled).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        return int16
