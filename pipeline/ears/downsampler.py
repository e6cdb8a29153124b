"""Convert 24 kHz to 16 kHz: exactly 160 samples for each 240, half a millisecond late."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pipeline.ears.blocks import BLOCK_16K_SAMPLES, Block
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ

_INPUTS, _OUTPUTS = 3, 2
"""Three samples at 24 kHz become two at 16 kHz."""
_WINDOW_SAMPLES = 26
_CUTOFF_HZ = 7_200
_KAISER_BETA = 5.0


class Downsampler:
    """Converts one stream with a windowed sinc. Silence in gives exact zeros out."""

    def __init__(self) -> None:
        kept = _WINDOW_SAMPLES - _INPUTS
        self._kept = kept
        self._history = np.zeros(kept + BLOCK_SAMPLES, np.float32)
        step = self._history.itemsize
        self._windows = as_strided(
            self._history,
            (BLOCK_SAMPLES // _INPUTS, _WINDOW_SAMPLES),
            (_INPUTS * step, step),
        )
        self._filters = _filters()

    def convert(self, block: Block) -> Block:
        """Return a new array of shape ``(160,)``."""
        self._history[: self._kept] = self._history[-self._kept :]
        self._history[self._kept :] = block
        converted: Block = np.matmul(self._windows, self._filters)
        return converted.reshape(BLOCK_16K_SAMPLES)


def _filters() -> Block:
    """Return one column for each of the two output samples that share a window."""
    middle = (_WINDOW_SAMPLES - 1) / 2
    half_step = _INPUTS / _OUTPUTS / 2
    columns = []
    for centre in (middle - half_step, middle + half_step):
        at = np.arange(_WINDOW_SAMPLES) - centre
        window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0, 1 - (at / middle) ** 2)))
        column = np.sinc(2 * _CUTOFF_HZ / SAMPLE_RATE_HZ * at) * window
        columns.append(column / column.sum())
    filters: Block = np.stack(columns, axis=1).astype(np.float32)
    return filters
