"""Which word of a clause sounds when, and the clause cut into deltas of sound with their words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.pcm import SAMPLE_RATE_HZ, Samples, peak

DELTA_SAMPLES = SAMPLE_RATE_HZ * 300 // 1_000
_WORD = re.compile(r"^\s+|\S+\s*")
_AUDIBLE = 0.02
"""Share of a clause's peak below which its beginning and its end count as silent."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """`text` with the space after it; `start` and `length` in samples."""

    text: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class SpeechDelta:
    """A piece of a clause's sound, and the words that begin in it, timed from the piece's start."""

    words: tuple[TimedWord, ...]
    sound: Samples

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words)


def deltas(clause: str, sound: Samples) -> Iterator[SpeechDelta]:
    """Cut a clause into deltas of at most 300 ms; a clause without sound is one delta of words."""
    words = aligned(clause, sound)
    for at in range(0, max(1, sound.size), DELTA_SAMPLES):
        end = at + DELTA_SAMPLES
        begun = tuple(
            TimedWord(word.text, word.start - at, word.length)
            for word in words
            if at <= word.start < end
        )
        yield SpeechDelta(begun, sound[at:end])


def aligned(clause: str, sound: Samples) -> list[TimedWord]:
    """Return the words of a clause with estimated times.

    The words share the audible part of the sound in proportion to their letters.
    """
    words = _WORD.findall(clause)
    if not words:
        return []
    first, last = _audible_part(sound)
    edges = np.cumsum([0, *(len(word.strip()) + 1 for word in words)])
    edges = first + edges * (last - first) // edges[-1]
    return [
        TimedWord(word, int(start), int(end - start))
        for word, start, end in zip(words, edges, edges[1:], strict=False)
    ]


def _audible_part(sound: Samples) -> tuple[int, int]:
    audible = np.flatnonzero(np.abs(sound.astype(np.int32)) > _AUDIBLE * peak(sound))
    return (int(audible[0]), int(audible[-1])) if audible.size else (0, 0)
