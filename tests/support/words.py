"""Words in a recording, found by the project's own recogniser."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import soxr

from pipeline.bench.ears.words import word_errors, words_of
from tests.support.sound import RATE_HZ, Samples

if TYPE_CHECKING:
    from pipeline.emulator.speech.recogniser import Recogniser


def understood(sound: Samples) -> list[str]:
    """The words in `sound`, which is at 24 kHz."""
    from pipeline.emulator.audio.pcm16k import RATE_16K_HZ as RECOGNISED_RATE_HZ

    return words_of(recogniser().transcribe(soxr.resample(sound, RATE_HZ, RECOGNISED_RATE_HZ)))


@cache
def recogniser() -> "Recogniser":
    """Return the recogniser of this process."""
    from pipeline.emulator.speech.detector import DetectorModel
    from pipeline.emulator.speech.recogniser import Recogniser

    return Recogniser(DetectorModel())


def word_error_rate(expected: Sequence[str], found: Sequence[str]) -> float:
    """Return the number of words replaced, left out or added, for each expected word."""
    return word_errors(expected, found) / len(expected)
