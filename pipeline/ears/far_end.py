"""Whether the far end sounds: what the loudspeaker played, or its echo in the room."""

from pipeline.ears.blocks import BLOCKS_PER_S
from pipeline.ears.compiled import block_peak
from pipeline.pcm import BLOCK_MS, Samples

_AUDIBLE_PEAK = 100
_RINGING_BLOCKS = 300 // BLOCK_MS


class FarEnd:
    """Follows the reference, block by block.

    :ivar sounding: whether the latest block sounds.
    :ivar audible: whether the far end sounds, or may still ring in the room.
    """

    def __init__(self) -> None:
        self.sounding = self.audible = False
        self._blocks_since_sound = _RINGING_BLOCKS
        self._heard_blocks = 0

    def hear(self, reference: Samples, *, counts: bool = True) -> None:
        """Take the next block; `counts`: for `heard_s`."""
        self.sounding = block_peak(reference) > _AUDIBLE_PEAK
        self._heard_blocks += self.sounding and counts
        self._blocks_since_sound = 0 if self.sounding else self._blocks_since_sound + 1
        self.audible = self._blocks_since_sound < _RINGING_BLOCKS

    def forget(self) -> None:
        """Count the sound that was heard from zero again."""
        self._heard_blocks = 0

    @property
    def heard_s(self) -> float:
        """Seconds of sound since the beginning or the latest `forget`."""
        return self._heard_blocks / BLOCKS_PER_S
