"""Tells an echo that the linear canceller leaves from a person, and how far it has moved.

The canceller subtracts the echo only as far as it has learnt it. When a card has lost samples, the
echo arrives at another delay and is left in full, as loud as a person.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.ears.blocks import Block, power, to_float
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
_LEAST_SUBTRACTED = 1e-4
"""Of the microphone's power: less is no echo that the canceller has learnt."""
_AT_ITS_PLACE_SAMPLES = 12
_MOST_MOVED_SAMPLES = ms_to_samples(50)
_LEFT_IF_MOVED = 0.5
"""Of what is left, -3 dB: 2,350 alarms of persons would have left -1.6 dB at least, half of the
echoes that had moved -4 to -14 dB; of the others the canceller had unlearnt too much."""
_MOVED = 14.0
_MOVED_LEFT = 8.0
_FALSELY_SUBTRACTED = 12.0
"""In simulated rooms the microphone followed a moved echo with 14 to 36, what was left with 8 to
30, and where it was subtracted, falsely, with 12 to 32; of 1,959 alarms of persons who began the
likeliest gave 12, 9 and 16."""
_correlator = Correlator(_SIZE)
_LATE_SAMPLES = _RESIDUAL_BLOCKS * BLOCK_SAMPLES
_WINDOW = np.hanning(_LATE_SAMPLES).astype(np.float32)


class EchoLeft(NamedTuple):
    """An echo that the linear canceller leaves."""

    moved_samples: int | None
    """How much later it is heard than the canceller subtracts it; 0: there, but too little of it;
    None: nothing of it is subtracted, or no longer what is heard."""


def echo_left(kept: Sequence[KeptBlock], *, beside_voice: bool = False) -> EchoLeft | None:
    """Return what is left of the latest blocks, if it is the echo.

    :param beside_voice: whether a person is known to speak, who may resemble the reference
    """
    latest = list(kept)[-(_RESIDUAL_BLOCKS + _LATEST_BLOCKS) :]
    if len(latest) < _RESIDUAL_BLOCKS + _LATEST_BLOCKS:
        return None
    played = np.concatenate([block.reference for block in latest])
    microphone = to_float(np.concatenate([block.microphone for block in latest]))
    residual = np.concatenate([block.residual for block in latest])
    reference = whitened(_correlator.spectrum(to_float(played)))
    sound, rest = _late_spectrum(microphone), _late_spectrum(residual)
    heard = _correlation(sound, reference)
    if power(microphone - residual) <= _LEAST_SUBTRACTED * power(microphone):
        same = _SAME_BESIDE_VOICE if beside_voice else _SAME
        return EchoLeft(None) if heard.max() >= same else None
    moved = _moved_by(sound, rest)
    if moved.samples:
        if _is_gone_if_moved(microphone, residual, moved.samples):
            return EchoLeft(moved.samples)
        return EchoLeft(None) if moved.certain and not beside_voice else None
    left = _correlation(rest, reference)
    return EchoLeft(0) if _near(left, int(np.argmax(heard))) >= _LEAKS else None


class _Moved(NamedTuple):
    samples: int
    """How much later the echo is probably heard than it is subtracted; 0: at its place."""
    certain: bool


def _moved_by(sound: Spectrum, rest: Spectrum) -> _Moved:
    """Compare the sound of the microphone with what is subtracted; `rest` is left of it.

    That has been through the same room: where an echo is heard, it is the same to the sample.
    """
    subtracted = whitened(sound - rest)
    heard, left = (_around(_correlator.compare(each, subtracted)) for each in (sound, rest))
    at, before = int(np.argmax(heard)), _MOST_MOVED_SAMPLES
    if abs(at - before) < _AT_ITS_PLACE_SAMPLES:
        return _Moved(0, certain=True)
    found = heard[at] >= _MOVED and _near(left, at) >= _MOVED_LEFT
    falsely = _near(left, before) >= max(_FALSELY_SUBTRACTED, _near(heard, before))
    return _Moved(at - before, certain=bool(found and falsely))


def _is_gone_if_moved(microphone: Block, residual: Block, samples: int) -> bool:
    """Whether much less were left if what is subtracted were `samples` later."""
    late = slice(microphone.size - _LATE_SAMPLES, microphone.size + min(samples, 0))
    moved = slice(late.start - samples, late.stop - samples)
    left = microphone[late] - (microphone - residual)[moved]
    return power(left) <= _LEFT_IF_MOVED * power(residual[late])


def _late_spectrum(sound: Block) -> Spectrum:
    return _correlator.spectrum(sound[-_LATE_SAMPLES:] * _WINDOW)


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
