"""How well a sound follows the reference at each delay, by what voices are made of."""

import math

import numpy as np
import numpy.typing as npt

from pipeline.ears.blocks import Block, power
from pipeline.pcm import SAMPLE_RATE_HZ

Spectrum = npt.NDArray[np.complex64]

_LOWEST_HZ, _HIGHEST_HZ = 200, 4_000
"""Where voices are loud."""
_LEAST = np.float32(1e-9)


class Correlator:
    """Compares spectra of `size` samples, of which only the band of voices is kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        per_bin_hz = SAMPLE_RATE_HZ / size
        self._band = slice(round(_LOWEST_HZ / per_bin_hz), 1 + round(_HIGHEST_HZ / per_bin_hz))

    def spectrum(self, sound: Block) -> Spectrum:
        return np.fft.rfft(sound, self._size)[self._band].astype(np.complex64)

    def compare(self, sound: Spectrum, reference: Spectrum) -> Block:
        """Return by delay, in samples, how much more than usual `sound` follows; 0 in silence.

        :param reference: whitened.
        """
        # Of the sound's level half is left out of account: its loudest tones decide, not alone.
        cross = np.zeros(self._size // 2 + 1, np.complex64)
        cross[self._band] = sound * np.conj(reference) / np.sqrt(np.abs(sound) + _LEAST)
        correlation: Block = np.abs(np.fft.irfft(cross, self._size))
        usual = math.sqrt(power(correlation))
        return correlation / np.float32(usual) if usual else correlation


def whitened(spectrum: Spectrum) -> Spectrum:
    """Return `spectrum` with every level alike."""
    return spectrum / (np.abs(spectrum) + _LEAST)
