"""What is sent of the cleaned sound, and when, while an answer may be heard in it.

The linear canceller leaves some echo, which sounds like a voice: it is sent at once, 26 dB quieter.
What may be a person, a cough or a hum is kept back until that is known. Words are then sent whole:
a service counts samples, so it notices them as soon as if they had not waited. All else is sent as
silence, and no service takes it for an interruption.
"""

from collections import deque

from pipeline.ears.cleaned_frames import Outgoing
from pipeline.ears.compiled import scaled
from pipeline.ears.near_end import NearSpeech
from pipeline.pcm import BLOCK_MS

_AS_IT_IS, _QUIETER, _SILENT = 1.0, 0.05, 0.0
_LONGEST_KEPT_BLOCKS = 600 // BLOCK_MS
"""A word is known sooner; what is not known by then is no word yet."""


class SentSound:
    """Takes blocks in order, and gives them back in order."""

    def __init__(self) -> None:
        self._kept: deque[Outgoing] = deque()
        self._gain = _AS_IT_IS

    def take(self, block: Outgoing, near: NearSpeech, *, echo: bool) -> list[Outgoing]:
        """Take the next block; returns what can be sent now, perhaps nothing.

        :param echo: whether any echo may be in it.
        """
        if near is NearSpeech.UNDECIDED and echo:
            self._kept.append(block)
            too_many = len(self._kept) > _LONGEST_KEPT_BLOCKS
            return [self._shape(self._kept.popleft(), _SILENT)] if too_many else []
        was_no_word = near is NearSpeech.NONE and echo
        released = self._release(_SILENT if was_no_word else _AS_IT_IS) if self._kept else []
        released.append(self._shape(block, _QUIETER if was_no_word else _AS_IT_IS))
        return released

    def release(self) -> list[Outgoing]:
        """Return what was kept back, as it is: the microphone gives no more."""
        return self._release(_AS_IT_IS)

    def _release(self, gain: float) -> list[Outgoing]:
        released = [self._shape(block, gain) for block in self._kept]
        self._kept.clear()
        return released

    def _shape(self, block: Outgoing, gain: float) -> Outgoing:
        before, self._gain = self._gain, gain
        if before == gain == _AS_IT_IS:
            return block
        return Outgoing(scaled(block.samples, before, gain), block.reference)
