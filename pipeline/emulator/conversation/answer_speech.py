"""The words of an answer and the sound that says them: which word sounds when."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pipeline.pcm import SAMPLE_RATE_HZ, Samples, peak

DELTA_SAMPLES = SAMPLE_RATE_HZ * 300 // 1_000
_WORD = re.compile(r"^\s+|\S+\s*")
_AUDIBLE = 0.02
"""Share of a clause's peak above which it is not yet, or no longer, silent."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """`text` with the space after it; `start` and `length` in samples."""

    text: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class SpeechDelta:
    """A piece of a clause's sound, and the words that begin in it, by their start in the piece."""

    words: tuple[TimedWord, ...]
    sound: Samples

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words)


@dataclass(slots=True)
class AnswerSpeech:
    """What of an answer was sent: words, each with its samples. Once cut it grows no more."""

    pieces: list[tuple[str, int]] = field(default_factory=list)
    is_cut: bool = False

    @property
    def transcript(self) -> str:
        return "".join(words for words, _ in self.pieces)

    @property
    def samples(self) -> int:
        return sum(samples for _, samples in self.pieces)

    def add(self, delta: SpeechDelta) -> None:
        if self.is_cut:
            return
        edges = [word.start for word in delta.words] + [delta.sound.size]
        if edges[0]:
            words, before = self.pieces.pop() if self.pieces else ("", 0)
            self.pieces.append((words, before + edges[0]))
        for word, start, end in zip(delta.words, edges, edges[1:], strict=False):
            self.pieces.append((word.text, end - start))

    def truncate(self, samples: int) -> None:
        """Keep the first `samples`, and of the words as much as fits in proportion."""
        kept = []
        for words, length in self.pieces:
            part = min(samples, length)
            if part or (not length and samples):
                kept.append((_first_words(words, part, length), part))
            samples -= part
        self.pieces = kept
        self.is_cut = True


def deltas(clause: str, sound: Samples) -> Iterator[SpeechDelta]:
    """Cut a clause into pieces of sound; a clause that cannot be spoken is one piece of words."""
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
    """Return the words of a clause with their likely times: its audible part, shared by letters."""
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


def _first_words(words: str, part: int, length: int) -> str:
    """Return the whole words that fit into `part` of `length`."""
    if part == length:
        return words
    return words[: max(0, words.rfind(" ", 0, len(words) * part // length + 1))]
