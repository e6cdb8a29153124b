"""What is computed in each block: compiled where the kernel could be built, else in numpy."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from pipeline import pcm
from pipeline.ears import blocks, linear_canceller
from pipeline.ears.blocks import Cancelled
from pipeline.pcm import Samples

_log = logging.getLogger(__name__)


class Canceller(Protocol):
    """See `pipeline.ears.linear_canceller`."""

    def cancel(self, microphone: Samples, reference: Samples) -> Cancelled:
        """Return the next 240 samples of `microphone` less the echo."""

    def reference_moved(self, later_blocks: int, references: Sequence[Samples]) -> None:
        """Move what was learnt: the reference is given `later_blocks` later from now on."""


class Computed(NamedTuple):
    """What computes: of blocks of 240 samples."""

    canceller: type[Canceller]
    peak: Callable[[Samples], int]
    scaled: Callable[[Samples, float, float], Samples]


_IN_NUMPY = Computed(linear_canceller.LinearCanceller, pcm.peak, blocks.scaled)


def _load() -> Computed:
    try:
        from pipeline.ears import kernel

        compiled = Computed(kernel.LinearCanceller, kernel.peak, kernel.scaled)
        compiled.canceller.reference_moved  # noqa: B018 - that of an older installation has none
    except (ImportError, AttributeError) as error:
        _log.info("the ears are not compiled, and take twice the time: %s", error)
        return _IN_NUMPY
    return compiled


_computed = _load()
COMPILED = _computed is not _IN_NUMPY
new_canceller, block_peak, scaled = _computed
