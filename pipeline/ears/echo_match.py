"""Whether what is left of the microphone is the reference itself, at some other delay.

The linear canceller subtracts the echo only where it has learnt it. When a card has lost samples,
the echo arrives at another delay and is left in full, as loud as a person. It follows the
reference; a person does not.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from pipeline.ears.blocks import Block
from pipeline.pcm import BLOCK_SAMPLES

_RESIDUAL_BLOCKS = 8
"""Longer, and what leaked before the beginning of a voice would count."""
_LATEST_BLOCKS = 10
"""The longest delay at which the echo is looked for."""
_SIZE = 8_192
"""Of the transforms: longer than residual and reference together."""
_BAND = slice(68, 1_366)
"""200 to 4,000 Hz, where voices are loud."""
_SAME = 11.5
"""In simulated rooms a moved echo gave 14 to 17, and persons over an answer 3 to 9."""
_LEAST = np.float32(1e-9)
_WINDOW = np.hanning(_RESIDUAL_BLOCKS * BLOCK_SAMPLES).astype(np.float32)


class EchoMatch:
    """Keeps the latest residual and reference, and compares them when asked."""

    def __init__(self) -> None:
        self._residual: deque[Block] = deque(maxlen=_RESIDUAL_BLOCKS)
        self._reference: deque[Block] = deque(maxlen=_RESIDUAL_BLOCKS + _LATEST_BLOCKS)

    def keep(self, residual: Block, reference: Block) -> None:
        """Take the next 240 samples of both."""
        self._residual.append(residual.copy())
        self._reference.append(reference.copy())

    def is_echo(self) -> bool:
        """Whether the residual follows the reference; takes half a millisecond."""
        return self.peak() >= _SAME

    def peak(self) -> float:
        """Return the highest correlation at any delay of 0 to 100 ms; what is usual is 1."""
        if len(self._reference) < _RESIDUAL_BLOCKS + _LATEST_BLOCKS:
            return 0.0
        residual = _spectrum(np.concatenate(self._residual) * _WINDOW)
        reference = _spectrum(np.concatenate(self._reference))
        # The reference's level is left out of account, and the residual's only half: its loudest
        # tones would decide alone.
        cross = residual * np.conj(reference)
        cross /= np.sqrt(np.abs(residual) + _LEAST) * (np.abs(reference) + _LEAST)
        correlation = np.abs(np.fft.irfft(cross, _SIZE))
        usual = float(np.sqrt(np.mean(np.square(correlation))))
        # The residual's first sample lies `_LATEST_BLOCKS` behind that of the reference.
        highest = max(correlation[0], correlation[-_LATEST_BLOCKS * BLOCK_SAMPLES :].max())
        return float(highest) / usual if usual else 0.0


def _spectrum(sound: Block) -> npt.NDArray[np.complex64]:
    spectrum = np.fft.rfft(sound, _SIZE)
    kept = np.zeros(spectrum.size, np.complex64)
    kept[_BAND] = spectrum[_BAND]
    return kept
