"""What the detectors make of what the linear canceller leaves.

    microphone, reference ─▶ suppressor (AEC3) ─┬─▶ earshot ─┐
                                                └─▶ level ───┼─▶ evidence
    residual ─────────────────────────────────────▶ Silero ──┘

They take most of the ears' processor time, so they rest while the canceller explains all that is
heard. The latest blocks are kept: detectors that wake up hear them first, at once.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.ears.blocks import Block, decibels, power, to_float
from pipeline.ears.downsampler import Downsampler
from pipeline.ears.noise_floor import NoiseFloor
from pipeline.ears.parts import Parts
from pipeline.ears.rules import LEAST_RISE_DB, RecentEvidence
from pipeline.pcm import Samples

KEPT_BLOCKS = 18
"""The suppressor and Silero need 100 ms to find their echo, or a voice, again."""
_AWAKE_BLOCKS = 50


class KeptBlock(NamedTuple):
    """10 ms at 24 kHz."""

    microphone: Samples
    reference: Samples
    residual: Block
    echo: bool = True
    """Whether any is to be removed."""


class Detection:
    """Takes blocks in order, and hears them when it is needed.

    :ivar kept: the latest blocks, whether they were heard or not.
    """

    def __init__(self, parts: Parts) -> None:
        self.kept: deque[KeptBlock] = deque(maxlen=KEPT_BLOCKS)
        self._parts = parts
        self._unheard = 0
        self._awake_blocks = 0
        self._silero_awake_blocks = 0
        self._floor = NoiseFloor()
        self._microphone_16k = Downsampler()
        self._reference_16k = Downsampler()
        self._residual_16k = Downsampler()

    def hear(self, block: KeptBlock, recent: RecentEvidence, *, wakes: bool) -> bool:
        """Take a block, and add to `recent` what the detectors make of it; False if they rest.

        :param wakes: whether it wakes the detectors up for half a second.
        """
        self._keep(block)
        self._awake_blocks = _AWAKE_BLOCKS if wakes else self._awake_blocks - 1
        if self._awake_blocks <= 0:
            return False
        if self._unheard > KEPT_BLOCKS:
            self._begin_anew()
        for unheard in list(self.kept)[-self._unheard :]:
            self._hear(unheard, recent)
        self._unheard = 0
        return True

    def rest(self, block: KeptBlock) -> None:
        """Take a block that is not to be judged, and keep it for those that follow."""
        self._keep(block)
        self._awake_blocks = 0

    def correct(self, references: Sequence[Samples]) -> None:
        """Give the latest blocks these references, in order."""
        for back, reference in zip(
            range(1, len(self.kept) + 1), reversed(references), strict=False
        ):
            self.kept[-back] = self.kept[-back]._replace(reference=reference)

    def _keep(self, block: KeptBlock) -> None:
        self.kept.append(block)
        self._unheard += 1

    def _begin_anew(self) -> None:
        """Blocks were lost: what is kept does not follow what was heard."""
        for detector in (self._parts.silero, self._parts.earshot):
            if detector is not None:
                detector.begin_anew()

    def _hear(self, block: KeptBlock, recent: RecentEvidence) -> None:
        parts = self._parts
        residual = self._residual_16k.convert(block.residual)
        suppressed = self._suppress(block, residual)
        rise_db = self._floor.rise_db(decibels(power(suppressed)))
        earshot = 0.0
        if parts.earshot is not None:
            parts.earshot.keep(suppressed)
            earshot = parts.earshot.likelihood()
        recent.add_suppressed(earshot, rise_db)
        if parts.silero is not None:
            parts.silero.keep(residual)
            recent.add_silero(parts.silero.likelihood() if self._silero_needed(recent) else 0.0)

    def _suppress(self, block: KeptBlock, residual: Block) -> Block:
        """Return the suppressor's output at 16 kHz, or `residual` without one."""
        suppressor = self._parts.suppressor
        if suppressor is None or not block.echo:
            return residual
        return suppressor.suppress(
            self._microphone_16k.convert(to_float(block.microphone)),
            self._reference_16k.convert(to_float(block.reference)),
        )

    def _silero_needed(self, recent: RecentEvidence) -> bool:
        """Whether anything was loud enough for a verdict, now or half a second ago."""
        if recent.rise_db >= LEAST_RISE_DB:
            self._silero_awake_blocks = _AWAKE_BLOCKS
        elif self._silero_awake_blocks:
            self._silero_awake_blocks -= 1
        return self._silero_awake_blocks > 0
