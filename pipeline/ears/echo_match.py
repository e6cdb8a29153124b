"""Whether what is left of the microphone is the reference itself, at some other delay.

The linear canceller subtracts the echo only where it has learnt it. When a card has lost samples,
the echo arrives at another delay and is left in full, as loud as a person. It follows the
reference; a person does not.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.ears.blocks import Block, power, to_float
from pipeline.ears.detection import KeptBlock
from pipeline.pcm import BLOCK_SAMPLES, ms_to_samples

Spectrum = npt.NDArray[np.complex64]

_RESIDUAL_BLOCKS = 8
"""Longer, and what leaked before the beginning of a voice would count."""
_LATEST_BLOCKS = 6
_DELAYS = slice(ms_to_samples(5), _LATEST_BLOCKS * BLOCK_SAMPLES)
"""At which the echo is looked for: the reference precedes it by 12 to 45 ms. The more delays, the
more often two voices resemble each other at one of them."""
_SIZE = 8_192
"""Of the transforms: longer than residual and reference together."""
_BAND = slice(68, 1_366)
"""200 to 4,000 Hz, where voices are loud."""
_SAME = 10.0
"""In simulated rooms a moved echo gave 12 to 33, and persons who began over an answer 3 to 9."""
_SAME_BESIDE_VOICE = 16.0
"""Persons who went on gave 13 now and then."""
_MOVED_SAMPLES = 12
_LEFT = 1.5
"""So much less than the microphone may what is left follow the reference, at the same delay."""
_LEAST = np.float32(1e-9)
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
    leaks of it beside a person has not moved. The residual must follow at the same delay.

    :param least: of interest; 0 is returned where it is certainly less.
    """
    latest = [block for block in kept if block.reference is not None]
    latest = latest[-(_RESIDUAL_BLOCKS + _LATEST_BLOCKS) :]
    if len(latest) < _RESIDUAL_BLOCKS + _LATEST_BLOCKS:
        return 0.0
    played = np.concatenate([block.reference for block in latest if block.reference is not None])
    reference = _whitened(_spectrum(to_float(played)))
    late = latest[-_RESIDUAL_BLOCKS:]
    microphone = _spectrum(to_float(np.concatenate([block.microphone for block in late])) * _WINDOW)
    heard = _correlation(microphone, reference)
    at = int(np.argmax(heard))
    if heard[at] < least:
        return 0.0
    residual = _spectrum(np.concatenate([block.residual for block in late]) * _WINDOW)
    known = _correlation(microphone - residual, reference)
    if known.any() and abs(at - int(np.argmax(known))) < _MOVED_SAMPLES:
        return 0.0
    left = _correlation(residual, reference)[max(0, at - 2) : at + 3].max()
    return float(min(heard[at], _LEFT * left))


def _correlation(sound: Spectrum, reference: Spectrum) -> Block:
    """Return the correlation at each of `_DELAYS`; what is usual is 1.

    :param reference: whitened.
    """
    # Of the sound's level only half is left out of account: its loudest tones decide, not alone.
    cross = np.zeros(_SIZE // 2 + 1, np.complex64)
    cross[_BAND] = sound * np.conj(reference) / np.sqrt(np.abs(sound) + _LEAST)
    correlation: Block = np.abs(np.fft.irfft(cross, _SIZE))
    usual = math.sqrt(power(correlation))
    # The sound's first sample lies `_LATEST_BLOCKS` behind that of the reference.
    delays = correlation[-_LATEST_BLOCKS * BLOCK_SAMPLES :][_DELAYS]
    return delays / np.float32(usual) if usual else np.zeros_like(delays)


def _whitened(spectrum: Spectrum) -> Spectrum:
    """Return `spectrum` with every level alike."""
    return spectrum / (np.abs(spectrum) + _LEAST)


def _spectrum(sound: Block) -> Spectrum:
    """Return `_BAND` of it."""
    return np.fft.rfft(sound, _SIZE)[_BAND].astype(np.complex64)
