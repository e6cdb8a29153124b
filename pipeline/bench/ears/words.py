"""How many words a recogniser understands wrongly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Words:
    """Counted so far."""

    spoken: int = 0
    wrong: int = 0

    def count(self, expected: str, found: str) -> None:
        words = _words(expected)
        self.spoken += len(words)
        self.wrong += word_errors(words, _words(found))

    def add(self, other: "Words") -> None:
        self.spoken += other.spoken
        self.wrong += other.wrong

    @property
    def rate(self) -> float | None:
        """Return the share that is wrong; None if nothing was spoken."""
        return self.wrong / self.spoken if self.spoken else None


def word_errors(expected: Sequence[str], found: Sequence[str]) -> int:
    """Return the number of words replaced, left out or added."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(expected, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
