"""What is computed in each block: compiled where the kernel could be built, else in numpy."""

import logging
from collections.abc import Callable
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


class Computed(NamedTuple):
    """What computes: of blocks of 240 samples."""

    canceller: type[Canceller]
    peak: Callable[[Samples], int]
    scaled: Callable[[Samples, float, float], Samples]


_IN_NUMPY = Computed(linear_canceller.LinearCanceller, pcm.peak, blocks.scaled)


def _load() -> Computed:
    try:
        from pipeline.ears import kernel

        return Computed(kernel.LinearCanceller, kernel.peak, kernel.scaled)
    except (ImportError, AttributeError) as error:  # the latter: of an older installation
        _log.info("the ears are not compiled, and take twice the time: %s", error)
        return _IN_NUMPY


_computed = _load()
COMPILED = _computed is not _IN_NUMPY
new_canceller, block_peak, scaled = _computed
