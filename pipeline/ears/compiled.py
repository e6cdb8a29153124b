"""What is computed in each block: compiled where the kernel could be built, else in numpy."""

import logging
from collections.abc import Callable
from typing import Protocol

from pipeline.ears.blocks import Cancelled
from pipeline.pcm import Samples

_log = logging.getLogger(__name__)


class Canceller(Protocol):
    """See `pipeline.ears.linear_canceller`."""

    def cancel(self, microphone: Samples, reference: Samples) -> Cancelled:
        """Return the next 240 samples of `microphone` less the echo."""


def _load() -> tuple[type[Canceller], Callable[[Samples], int], bool]:
    try:
        from pipeline.ears import kernel
    except (ImportError, AttributeError) as error:  # the latter: of an older installation
        from pipeline import pcm
        from pipeline.ears import linear_canceller

        _log.info("the ears are not compiled, and take twice the time: %s", error)
        return linear_canceller.LinearCanceller, pcm.peak, False
    return kernel.LinearCanceller, kernel.peak, True


new_canceller, block_peak, COMPILED = _load()
