"""Whether what is left of the microphone is the reference itself, at some other delay.

The linear canceller subtracts the echo only where it has learnt it. When a card has lost samples,
the echo arrives at another delay and is left in full, as loud as a person. It follows the
reference; a person does not.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.ears.blocks import Block, to_float
from pipeline.ears.correlation import Correlator, Spectrum, whitened
from pipeline.ears.detection import KeptBlock
from pipeline.pcm import BLOCK_SAMPLES, ms_to_samples

_RESIDUAL_BLOCKS = 8
"""Longer, and what leaked before the beginning of a voice would count."""
_LATEST_BLOCKS = 6
_DELAYS = slice(ms_to_samples(5), _LATEST_BLOCKS * BLOCK_SAMPLES)
"""At which the echo is looked for: the reference precedes it by 15 to 45 ms. The more delays, the
more often two voices resemble each other at one of them."""
_SIZE = 8_192
"""Of the transforms: longer than residual and reference together."""
_SAME = 10.0
"""In simulated rooms a moved echo gave 12 to 33, and persons who began over an answer 3 to 9."""
_SAME_BESIDE_VOICE = 16.0
"""Persons who went on gave 13 now and then."""
_MOVED_SAMPLES = 12
_LEFT = 1.5
"""So much less than the microphone may what is left follow the reference, at the same delay."""
_LEAST_SUBTRACTED = 1e-2
"""Of the microphone, -40 dB: less is no echo that the canceller has learnt."""
_FALSELY_SUBTRACTED = 1.25
"""So much more than the microphone must what is left follow the reference at the delay of an echo
that is subtracted and not heard any more: it was 1.35 and more in rooms where the echo had moved,
up to 1.15 where a person resembled the reference at another delay."""
_correlator = Correlator(_SIZE)
_WINDOW = np.hanning(_RESIDUAL_BLOCKS * BLOCK_SAMPLES).astype(np.float32)


def is_echo(kept: Sequence[KeptBlock], *, beside_voice: bool = False) -> bool:
    """Whether the residual follows the reference.

    :param beside_voice: whether a person is known to speak, who may resemble it by chance
    """
    least = _SAME_BESIDE_VOICE if beside_voice else _SAME
    return match(kept, least) >= least


def match(kept: Sequence[KeptBlock], least: float = 0.0) -> float:
    """Return how much more than usual the sound follows the reference at a new delay.

    The delay is the microphone's likeliest, and none if the canceller subtracts an echo there: what
    leaks of it beside a person has not moved. The residual must follow at the same delay, and also
    where the canceller subtracts an echo that is not there any more.

    :param least: of interest; 0 is returned where it is certainly less.
    """
    latest = list(kept)[-(_RESIDUAL_BLOCKS + _LATEST_BLOCKS) :]
    if len(latest) < _RESIDUAL_BLOCKS + _LATEST_BLOCKS:
        return 0.0
    played = np.concatenate([block.reference for block in latest])
    reference = whitened(_correlator.spectrum(to_float(played)))
    late = latest[-_RESIDUAL_BLOCKS:]
    microphone = _correlator.spectrum(
        to_float(np.concatenate([block.microphone for block in late])) * _WINDOW
    )
    heard = _correlation(microphone, reference)
    at = int(np.argmax(heard))
    if heard[at] < least:
        return 0.0
    residual = _correlator.spectrum(np.concatenate([block.residual for block in late]) * _WINDOW)
    before = _subtracted_at(microphone, residual, reference)
    if before is not None and abs(at - before) < _MOVED_SAMPLES:
        return 0.0
    left = _correlation(residual, reference)
    if before is not None and _near(left, before) < _FALSELY_SUBTRACTED * _near(heard, before):
        return 0.0
    return min(float(heard[at]), _LEFT * _near(left, at))


def _subtracted_at(microphone: Spectrum, residual: Spectrum, reference: Spectrum) -> int | None:
    """Return the delay of the echo that the canceller subtracts; None: it has learnt none."""
    subtracted = microphone - residual
    if np.linalg.norm(subtracted) <= _LEAST_SUBTRACTED * np.linalg.norm(microphone):
        return None
    return int(np.argmax(_correlation(subtracted, reference)))


def _near(correlation: Block, delay: int) -> float:
    return float(correlation[max(0, delay - 2) : delay + 3].max())


def _correlation(sound: Spectrum, reference: Spectrum) -> Block:
    """Return the correlation at each of `_DELAYS`; what is usual is 1."""
    # The sound's first sample lies `_LATEST_BLOCKS` behind that of the reference.
    return _correlator.compare(sound, reference)[-_LATEST_BLOCKS * BLOCK_SAMPLES :][_DELAYS]
