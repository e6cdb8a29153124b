"""Text made ready for the synthesiser: symbols and digits as words."""

import re
import unicodedata
from fractions import Fraction

from pipeline.numerals import LIMIT, cardinal, decimal, spelled

_SYMBOLS = {
    "%": " percent ",
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "\u00d7": " times ",
    "\u00f7": " divided by ",
    "@": " at ",
    "#": " number ",
    "$": " dollars ",
    "€": " euros ",
    "£": " pounds ",
    "°": " degrees ",
    "\u2019": "'",
    "\u2018": "'",
    "\u2013": ", ",
    "\u2014": ", ",
    "\u2026": ". ",
}
_TIME = re.compile(r"\b(\d{1,2}):(\d{2})\b")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?|\d+")
_UNSPOKEN = re.compile(r"[^A-Za-z',.!?;:\- ]+")
_LONGEST_WORD = 40
_LONGEST_TEXT = 400


def speakable(text: str) -> str:
    """Return `text` in English letters and punctuation; empty if nothing in it can be spoken."""
    for symbol, words in _SYMBOLS.items():
        text = text.replace(symbol, words)
    text = _TIME.sub(lambda time: _time_words(time[1], time[2]), text)
    text = _NUMBER.sub(lambda number: f" {_number_words(number[0])} ", text)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    short = " ".join(word[:_LONGEST_WORD] for word in _UNSPOKEN.sub(" ", plain).split())
    joined = re.sub(r"\s+([,.!?;:])", r"\1", short)
    return joined[:_LONGEST_TEXT] if re.search("[A-Za-z]", joined) else ""


def _time_words(hours: str, minutes: str) -> str:
    if minutes == "00":
        return f" {cardinal(int(hours))} o'clock "
    spoken = f"oh {cardinal(int(minutes))}" if minutes[0] == "0" else cardinal(int(minutes))
    return f" {cardinal(int(hours))} {spoken} "


def _number_words(number: str) -> str:
    digits = number.replace(",", "").lstrip("-")
    sign = "minus " if number.startswith("-") else ""
    if not digits.isascii():
        return ""
    whole, _, places = digits.partition(".")
    if (len(whole) > 1 and whole[0] == "0") or int(whole[:20]) >= LIMIT:
        return sign + spelled(digits.replace(".", "")[:_LONGEST_WORD])
    return sign + decimal(Fraction(digits[:_LONGEST_WORD]), min(len(places), 6))
