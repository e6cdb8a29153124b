"""Whether the far end sounds: what the loudspeaker played, or its echo in the room."""

from pipeline.ears.blocks import BLOCKS_PER_S
from pipeline.ears.compiled import block_peak
from pipeline.pcm import BLOCK_MS, Samples

_AUDIBLE_PEAK = 100
_RINGING_BLOCKS = 300 // BLOCK_MS


class FarEnd:
    """Follows the reference, block by block."""

    def __init__(self) -> None:
        self.sounding = False
        self._blocks_since_sound = _RINGING_BLOCKS
        self._heard_blocks = 0

    def hear(self, reference: Samples) -> None:
        self.sounding = block_peak(reference) > _AUDIBLE_PEAK
        self._heard_blocks += self.sounding
        self._blocks_since_sound = 0 if self.sounding else self._blocks_since_sound + 1

    def forget(self) -> None:
        """Count the sound that was heard from zero again."""
        self._heard_blocks = 0

    @property
    def audible(self) -> bool:
        """Whether the far end sounds or may still ring in the room."""
        return self._blocks_since_sound < _RINGING_BLOCKS

    @property
    def heard_s(self) -> float:
        """Seconds of sound since the beginning or the latest `forget`."""
        return self._heard_blocks / BLOCKS_PER_S
