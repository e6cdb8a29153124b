"""Sums as people say them: "what is seven times six", "12 plus 30", "ten divided by 4"."""

import re
from fractions import Fraction

from pipeline.numerals import LIMIT, decimal, parse_number

_SAID = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
_SPOKEN = (
    (r"(?<=\d)\s*[\u00d7x*]\s*(?=\d)|\bmultiplied by\b|\btimes\b", " * "),
    (r"\bdivided by\b|\bover\b|\u00f7|(?<=\d)\s*/\s*(?=\d)", " / "),
    (r"\bplus\b|\badded to\b|\+", " + "),
    (
        r"(?<=\w)(?<!minus)\s+minus\b|\bless\b|(?<=\d)\s*[-\u2212]\s*(?=\d)|(?<=\s)[-\u2212](?=\s)",
        " - ",
    ),
)
_ASKED = re.compile(
    r"^(?:.*?\b(?:what is|what's|whats|what are|what does|how much is|how much are|calculate|"
    r"compute|work out|tell me)\s+)?(?P<sum>.+?)(?:\s+(?:equals?|is|make|makes|please|=))*$"
)


def answer_sum(words: str) -> str | None:
    """Return the spoken answer to the sum in `words` (lower case), or None without a sum."""
    parsed = parse_sum(words)
    return _said(*parsed) if parsed else None


def parse_sum(words: str) -> tuple[list[Fraction], list[str]] | None:
    """Return the numbers of the sum in `words` (lower case) and the signs between them."""
    asked = _ASKED.match(words.replace("?", " ").replace("=", " = ").strip(" .!"))
    if asked is None:
        return None
    text = asked["sum"]
    for pattern, symbol in _SPOKEN:
        text = re.sub(pattern, symbol, text)
    parts = re.split(r"\s([-+*/])\s", text)
    if len(parts) < 3:
        return None
    numbers = [_operand(part) for part in parts[::2]]
    if any(number is None for number in numbers):
        return None
    return [number for number in numbers if number is not None], parts[1::2]


def _operand(text: str) -> Fraction | None:
    number = parse_number(re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text).replace("-", "minus ").split())
    return None if number is None or abs(number) >= LIMIT else number


def _said(numbers: list[Fraction], signs: list[str]) -> str:
    question = decimal(numbers[0])
    for sign, number in zip(signs, numbers[1:], strict=True):
        question += f" {_SAID[sign]} {decimal(number)}"
    try:
        result = evaluate(numbers, signs)
    except ZeroDivisionError:
        return "Nothing can be divided by zero, so that sum has no answer."
    if abs(result) >= LIMIT:
        return "That number is larger than I can say."
    exact = (result * 1_000).denominator == 1
    answer = f"{question} is {'' if exact else 'about '}{decimal(result)}."
    return answer[0].upper() + answer[1:]


def evaluate(numbers: list[Fraction], signs: list[str]) -> Fraction:
    """Compute a sum, products and quotients first; raise `ZeroDivisionError`."""
    terms = [numbers[0]]
    for sign, number in zip(signs, numbers[1:], strict=True):
        if sign == "*":
            terms[-1] *= number
        elif sign == "/":
            terms[-1] /= number
        else:
            terms.append(number if sign == "+" else -number)
    return sum(terms, Fraction(0))
