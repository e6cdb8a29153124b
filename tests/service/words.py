"""Compare spoken words with recognised ones."""

import re

from pipeline.emulator.speech.numerals import cardinal


def words(text: str) -> list[str]:
    """Lower-case words without punctuation, numbers in words."""
    spelled = re.sub(r"\d+", lambda number: f" {cardinal(int(number[0]))} ", text.lower())
    return re.sub(r"[^a-z' ]+", " ", spelled.replace("-", " ")).split()


def word_errors(said: str, understood: str) -> int:
    """Return the fewest words to change, add or leave out between the two."""
    reference, hypothesis = words(said), words(understood)
    row = list(range(len(hypothesis) + 1))
    for count, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], count
        for index, other in enumerate(hypothesis, 1):
            change = diagonal + (word != other)
            diagonal = row[index]
            row[index] = min(change, row[index] + 1, row[index - 1] + 1)
    return row[-1]
