"""The two laws of ITU-T Recommendation G.711: 16-bit samples as 8-bit codes, by table.

A code is a sign, a segment of three bits and a step of four within it. The recommendation inverts
all bits of the µ-law and every second bit of the A-law. It counts in 14 and 13 bits; here full
scale is that of int16.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.pcm import Samples

_CODES = np.arange(256)
_SAMPLES = np.arange(-32_768, 32_768)
_SIGN, _SEGMENT, _STEP = 0x80, 0x70, 0x0F


@dataclass(frozen=True, slots=True)
class Law:
    """One of the laws: the sample of each code, and the code of each sample."""

    expanded: Samples
    """Shape ``(256,)``."""
    compressed: npt.NDArray[np.uint8]
    """Shape ``(65536,)``, in the order of the samples read as uint16."""

    def decode(self, codes: bytes) -> Samples:
        samples: Samples = self.expanded[np.frombuffer(codes, np.uint8)]
        return samples

    def encode(self, samples: Samples) -> bytes:
        return self.compressed[samples.view(np.uint16)].tobytes()


def _mu_law() -> Law:
    """Steps are counted from -33 (14 bits): this bias makes every segment begin at a power of 2."""
    bias, loudest = 33 << 2, 32_635
    code = ~_CODES & 0xFF
    magnitude = ((((code & _STEP) << 3) + bias) << ((code & _SEGMENT) >> 4)) - bias
    expanded = np.where(code & _SIGN, -magnitude, magnitude)

    biased = np.minimum(np.abs(_SAMPLES), loudest) + bias
    segment = _highest_bit(biased) - 7
    compressed = (segment << 4) | (biased >> (segment + 3)) & _STEP
    return _law(expanded, ~np.where(_SAMPLES < 0, compressed | _SIGN, compressed))


def _a_law() -> Law:
    """The first two segments have steps of the same size; then it doubles with each segment."""
    even_bits = 0x55
    code = _CODES ^ even_bits
    segment = (code & _SEGMENT) >> 4
    magnitude = (((code & _STEP) << 4) + 8 + 256 * (segment > 0)) << np.maximum(segment - 1, 0)
    expanded = np.where(code & _SIGN, magnitude, -magnitude)

    magnitude = np.where(_SAMPLES < 0, ~_SAMPLES, _SAMPLES)
    segment = np.maximum(_highest_bit(magnitude | 1) - 7, 0)
    compressed = (segment << 4) | (magnitude >> np.maximum(segment + 3, 4)) & _STEP
    return _law(expanded, np.where(_SAMPLES < 0, compressed, compressed | _SIGN) ^ even_bits)


def _highest_bit(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Position of the highest bit that is set; `numbers` are at least 1."""
    _, exponents = np.frexp(numbers)
    return exponents.astype(np.int64) - 1


def _law(expanded: npt.NDArray[np.int64], compressed: npt.NDArray[np.int64]) -> Law:
    """Take the code of each sample from -32768 up."""
    positive_first = np.roll(compressed, 32_768)
    return Law(expanded.astype(np.int16), (positive_first & 0xFF).astype(np.uint8))


MU_LAW = _mu_law()
A_LAW = _a_law()
