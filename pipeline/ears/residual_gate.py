"""Make what is left of the echo too quiet for a service to take it for speech.

The linear canceller leaves some echo, which sounds like a voice. While the suppressor hears nobody,
what goes up is quieter by 26 dB; with the first sound that it lets through, it goes up as it is.
"""

import numpy as np

from pipeline.ears.blocks import Block
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES

_CLOSED = 0.05
_OPEN_BLOCKS = 300 // BLOCK_MS
"""After the latest sound: longer than the gaps within words."""


class ResidualGate:
    """Opens within a block, and closes within the next one."""

    def __init__(self) -> None:
        self._open_blocks = 0
        self._gain = 1.0

    def shape(self, residual: Block, *, opens: bool, shuts: bool) -> Block:
        """Return `residual`, or a quieter copy.

        :param opens: whether anything but echo is heard.
        :param shuts: whether all that is heard is known to be echo.
        """
        self._open_blocks = _OPEN_BLOCKS if opens else self._open_blocks - 1
        wanted = 1.0 if self._open_blocks > 0 and not shuts else _CLOSED
        before, self._gain = self._gain, wanted
        if before == wanted:
            return residual if wanted == 1.0 else residual * np.float32(wanted)
        return residual * np.linspace(before, wanted, BLOCK_SAMPLES, dtype=np.float32)
