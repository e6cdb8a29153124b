"""Levels of a microphone: what counts as silent, very quiet and clipping."""

import math
from typing import NamedTuple

import numpy as np

from pipeline.ipc.events import Loudness
from pipeline.pcm import FULL_SCALE, Samples, peak

CLIPPED = 32_700
"""Magnitudes from here on are at the end of the scale."""

CLIPPED_SHARE = 0.001
"""A louder moment or two is no clipping: this share of the samples is."""

VERY_LOW_DBFS = -50.0
"""The peak of speech at a usable level is far above."""


SILENCE_DBFS = -100.0
"""Stands for silence: the quietest sound of 16 bits has -90 dBFS."""


class Level(NamedTuple):
    """Loudness of a stretch of sound."""

    peak: int
    """Greatest magnitude, 0 to 32768."""
    clipped: int
    """Number of samples at the end of the scale."""
    samples: int

    @property
    def dbfs(self) -> float:
        """Peak in dB of full scale; -inf for digital silence."""
        return 20 * math.log10(self.peak / FULL_SCALE) if self.peak else -math.inf

    @property
    def clips(self) -> bool:
        return self.clipped > self.samples * CLIPPED_SHARE

    @property
    def very_low(self) -> bool:
        """Whether there is sound, but hardly any."""
        return self.peak > 0 and self.dbfs < VERY_LOW_DBFS


def loudness_of(samples: Samples) -> Loudness:
    """Measure samples, shape ``(samples,)``; none at all are silence."""
    if not len(samples):
        return Loudness(SILENCE_DBFS, SILENCE_DBFS)
    floats = samples.astype(np.float32)
    mean_square = float(floats @ floats) / len(samples)
    return Loudness(_dbfs(peak(samples)), _dbfs(math.sqrt(mean_square)))


def _dbfs(magnitude: float) -> float:
    if not magnitude:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, round(20 * math.log10(magnitude / FULL_SCALE), 1))


def level_of(samples: Samples) -> Level:
    """Measure samples, shape ``(samples,)``."""
    clipped = np.count_nonzero((samples >= CLIPPED) | (samples <= -CLIPPED))
    return Level(peak(samples), int(clipped), len(samples))
