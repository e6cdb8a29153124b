"""English numbers: from digits to words and back."""

from fractions import Fraction

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_SMALL = {word: value for value, word in enumerate(_UNITS)} | {
    word: 20 + 10 * index for index, word in enumerate(_TENS)
}
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

LIMIT = 10**15
"""The smallest whole number that this module has no name for."""


def cardinal(value: int) -> str:
    """Return `value` in words: 42 is "forty-two". It must be smaller than `LIMIT` in size."""
    if value < 0:
        return f"minus {cardinal(-value)}"
    if value < 20:
        return _UNITS[value]
    if value < 100:
        tens, rest = divmod(value, 10)
        return _TENS[tens - 2] + (f"-{_UNITS[rest]}" if rest else "")
    scale, name = (100, "hundred") if value < 1_000 else _scale_of(value)
    count, rest = divmod(value, scale)
    return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(value: int) -> str:
    """Return the rank in words: 22 is "twenty-second"."""
    head, separator, last = cardinal(value).rpartition("-")
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return head + separator + last


def decimal(value: Fraction, digits: int = 3) -> str:
    """Return `value` in words, rounded to `digits` places: 5/2 is "two point five"."""
    scaled = round(abs(value) * 10**digits)
    whole, part = divmod(scaled, 10**digits)
    words = cardinal(whole)
    places = str(part).zfill(digits).rstrip("0")
    if places:
        words += f" point {spelled(places)}"
    return f"minus {words}" if value < 0 and scaled else words


def spelled(digits: str) -> str:
    """Return each digit as a word: "07" is "zero seven"."""
    return " ".join(_UNITS[int(digit)] for digit in digits)


def parse_number(words: list[str]) -> Fraction | None:
    """Return the number that `words` say, in digits or in words; None if they are not a number."""
    if words and words[0] in ("minus", "negative"):
        positive = parse_number(words[1:])
        return None if positive is None else -positive
    if "point" in words:
        return _parse_decimal(words)
    if len(words) == 1 and (digits := words[0].replace(",", "")).replace(".", "", 1).isdecimal():
        return Fraction(digits) if digits.isascii() else None
    whole = _parse_whole(words)
    return None if whole is None else Fraction(whole)


def _parse_decimal(words: list[str]) -> Fraction | None:
    at = words.index("point")
    whole = _parse_whole(words[:at]) if at else 0
    places = [_small(word) for word in words[at + 1 :]]
    if whole is None or not places or any(place is None or place > 9 for place in places):
        return None
    return whole + Fraction("0." + "".join(map(str, places)))


def _parse_whole(words: list[str]) -> int | None:
    """Add up "two thousand three hundred and five"; digits may stand for words."""
    total = group = 0
    previous = 0
    started = False
    for word in words:
        if word == "and" and started:
            continue
        if word == "a" and not started:
            group = previous = 1
        elif word == "hundred" and 0 < group < 100:
            group = previous = group * 100
        elif word in _SCALES and group:
            total += group * _SCALES[word]
            group, previous = 0, _SCALES[word]
        elif (value := _small(word)) is not None and _may_follow(value, previous):
            group += value
            previous = value
        else:
            return None
        started = True
    return total + group if started and words != ["a"] else None


def _small(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 16 else _SMALL.get(word)


def _may_follow(value: int, previous: int) -> bool:
    """Whether "twenty" (`previous`) "five" (`value`) is one number."""
    if previous == 0:
        return True
    if previous in range(20, 100, 10):
        return 0 < value < 10
    return previous >= 100 and 0 < value < previous


def _scale_of(value: int) -> tuple[int, str]:
    name = max((name for name in _SCALES if _SCALES[name] <= value), key=_SCALES.__getitem__)
    return _SCALES[name], name
