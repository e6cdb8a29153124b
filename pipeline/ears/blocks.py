"""The sound that the ears compute with: 10 ms blocks of float32, full scale ±1."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.pcm import BLOCK_MS, FULL_SCALE, Samples

RATE_16K_HZ = 16_000
BLOCK_16K_SAMPLES = RATE_16K_HZ * BLOCK_MS // 1_000
BLOCKS_PER_S = 1_000 // BLOCK_MS

Block = npt.NDArray[np.float32]
"""Shape ``(240,)`` at 24 kHz, or ``(160,)`` at 16 kHz."""


class Cancelled(NamedTuple):
    """A block of the microphone without the echo. The powers are mean squares."""

    residual: Block
    cleaned: Samples
    """The same as PCM16."""
    microphone_power: float
    reference_power: float
    echo_power: float
    """Of the echo that was subtracted."""
    residual_power: float


_STEP = np.float32(1 / FULL_SCALE)
_SILENCE_POWER = 1e-10


def to_float(samples: Samples) -> Block:
    """Return a new array, full scale ±1."""
    block: Block = samples.astype(np.float32)
    block *= _STEP
    return block


def to_pcm16(block: Block) -> Samples:
    """Return a new array; what exceeds full scale is clipped."""
    scaled = block * np.float32(FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.minimum(scaled, FULL_SCALE - 1, out=scaled)
    np.maximum(scaled, -FULL_SCALE, out=scaled)
    pcm16: Samples = scaled.astype(np.int16)
    return pcm16


def scaled(samples: Samples, begin: float, end: float) -> Samples:
    """Return `samples` times a gain of 0 to 1 that goes straight from `begin` to `end`."""
    gain: Block = np.linspace(begin, end, samples.size, dtype=np.float32)
    louder: Samples = (samples * gain).astype(np.int16)
    return louder


def power(block: Block) -> float:
    """Mean square."""
    return float(np.dot(block, block)) / block.size


def decibels(mean_square: float) -> float:
    """Level of `mean_square` in dBFS, at least -100."""
    return 10 * math.log10(mean_square + _SILENCE_POWER)


def ratio_db(power: float, other: float) -> float:
    """By how much `power` is louder than `other`; nothing is quieter than -100 dBFS."""
    return 10 * math.log10((power + _SILENCE_POWER) / (other + _SILENCE_POWER))
