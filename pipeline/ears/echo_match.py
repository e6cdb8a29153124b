"""Whether what is left of the microphone is the reference itself, at some other delay.

The linear canceller subtracts the echo only where it has learnt it. When a card has lost samples,
the echo arrives at another delay and is left in full, as loud as a person. It follows the
reference; a person does not.
"""

from collections.abc import Sequence
from typing import NamedTuple

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
_LEAKS = 7.0
"""Of an echo at its place, what the canceller has learnt leaves less beside a person who begins."""
_LEAST_SUBTRACTED = 1e-2
"""Of the microphone, -40 dB: less is no echo that the canceller has learnt."""
_MOVED = 14.0
_MOVED_LEFT = 8.0
_FALSELY_SUBTRACTED = 12.0
"""In simulated rooms the microphone followed a moved echo with 14 to 36, what was left with 8 to
30, and where it was subtracted, falsely, with 12 to 32; the likeliest of 1,959 alarms of persons
gave 12, 9 and 16."""
_AT_ITS_PLACE_SAMPLES = 12
_MOST_MOVED_SAMPLES = ms_to_samples(50)
_correlator = Correlator(_SIZE)
_WINDOW = np.hanning(_RESIDUAL_BLOCKS * BLOCK_SAMPLES).astype(np.float32)


class EchoLeft(NamedTuple):
    """An echo that the linear canceller leaves."""

    moved_samples: int | None
    """How much later it is heard than the canceller subtracts it; 0: there, but too little of it;
    None: nothing of it is subtracted."""


def echo_left(kept: Sequence[KeptBlock], *, beside_voice: bool = False) -> EchoLeft | None:
    """Return what is left of the latest blocks, if it is the echo.

    :param beside_voice: whether a person is known to speak, who may resemble the reference
    """
    latest = list(kept)[-(_RESIDUAL_BLOCKS + _LATEST_BLOCKS) :]
    if len(latest) < _RESIDUAL_BLOCKS + _LATEST_BLOCKS:
        return None
    reference = whitened(_spectrum([to_float(block.reference) for block in latest]))
    late = latest[-_RESIDUAL_BLOCKS:]
    microphone = _spectrum([to_float(block.microphone) for block in late], _WINDOW)
    residual = _spectrum([block.residual for block in late], _WINDOW)
    subtracted = microphone - residual
    heard = _correlation(microphone, reference)
    if np.linalg.norm(subtracted) <= _LEAST_SUBTRACTED * np.linalg.norm(microphone):
        same = _SAME_BESIDE_VOICE if beside_voice else _SAME
        return EchoLeft(None) if heard.max() >= same else None
    moved_samples = _moved_by(microphone, residual, whitened(subtracted))
    if moved_samples:
        return EchoLeft(moved_samples)
    leaks = moved_samples == 0 and _near(_correlation(residual, reference), int(np.argmax(heard)))
    return EchoLeft(0) if leaks >= _LEAKS else None


def _spectrum(sounds: Sequence[Block], window: Block | float = 1.0) -> Spectrum:
    return _correlator.spectrum(np.concatenate(sounds) * window)


def _moved_by(microphone: Spectrum, residual: Spectrum, subtracted: Spectrum) -> int | None:
    """Return how much later the echo is heard than it is subtracted; None: this is not certain.

    What is subtracted has been through the same room: an echo is the same, to the sample.
    """
    heard = _around(_correlator.compare(microphone, subtracted))
    left = _around(_correlator.compare(residual, subtracted))
    at, before = int(np.argmax(heard)), _MOST_MOVED_SAMPLES
    if abs(at - before) < _AT_ITS_PLACE_SAMPLES:
        return 0
    falsely = _near(left, before) >= max(_FALSELY_SUBTRACTED, _near(heard, before))
    found = heard[at] >= _MOVED and _near(left, at) >= _MOVED_LEFT
    return at - before if falsely and found else None


def _around(correlation: Block) -> Block:
    """Return the correlation at the delays of up to `_MOST_MOVED_SAMPLES`, negative ones first."""
    negative = correlation[-_MOST_MOVED_SAMPLES:]
    return np.concatenate([negative, correlation[: _MOST_MOVED_SAMPLES + 1]])


def _near(correlation: Block, delay: int) -> float:
    return float(correlation[max(0, delay - 2) : delay + 3].max())


def _correlation(sound: Spectrum, reference: Spectrum) -> Block:
    """Return the correlation at each of `_DELAYS`; what is usual is 1."""
    # The sound's first sample lies `_LATEST_BLOCKS` behind that of the reference.
    return _correlator.compare(sound, reference)[-_LATEST_BLOCKS * BLOCK_SAMPLES :][_DELAYS]
