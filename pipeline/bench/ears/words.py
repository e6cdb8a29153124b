"""How many words a recogniser understands wrongly, whatever the spelling."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.numerals import cardinal, ordinal

_YEAR = re.compile(r"\b(1[1-9]|20)([1-9]\d)\b")
_NUMBER = re.compile(r"(\d{1,15})(?:(st|nd|rd|th)\b)?")
_ONE_SPELLING = {
    "metres": "meters",
    "coloured": "colored",
    "mr": "mister",
    "shopboy": "shop boy",
    "super imposition": "superimposition",
}


@dataclass
class Words:
    """Counted so far."""

    spoken: int = 0
    wrong: int = 0
    misunderstood: list[tuple[str, str]] = field(default_factory=list)
    """What was said and what was understood, where they differ."""

    def count(self, expected: str, found: str) -> None:
        words = words_of(expected)
        self.spoken += len(words)
        if wrong := word_errors(words, words_of(found)):
            self.wrong += wrong
            self.misunderstood.append((expected, found))

    def add(self, other: "Words") -> None:
        self.spoken += other.spoken
        self.wrong += other.wrong
        self.misunderstood += other.misunderstood

    @property
    def rate(self) -> float | None:
        """Return the share that is wrong; None if nothing was spoken."""
        return self.wrong / self.spoken if self.spoken else None


def words_of(text: str) -> list[str]:
    """Return the words of `text` in lower case, each in one spelling, digits as they are spoken."""
    spelled = _YEAR.sub(r"\1 \2", text.lower().replace("\u2019", "'"))
    spelled = _NUMBER.sub(_spoken_number, re.sub(r"(?<=\d),(?=\d{3}\b)", "", spelled))
    plain = " ".join(re.findall(r"[a-z']+", spelled))
    for other, usual in _ONE_SPELLING.items():
        plain = re.sub(rf"\b{other}\b", usual, plain)
    return [word for quoted in plain.split() if (word := quoted.strip("'"))]


def word_errors(expected: Sequence[str], found: Sequence[str]) -> int:
    """Return the number of words replaced, left out or added."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(expected, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def _spoken_number(number: re.Match[str]) -> str:
    name = ordinal if number[2] else cardinal
    return f" {name(int(number[1]))} "
