"""Text from outside is made fit for a terminal, a file and JSON."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.system.text import PiecewiseText, encodable, printable, shortened

GRIN = "\U0001f600"
HIGH, LOW = "\ud83d", "\ude00"
ANY_TEXT = st.text(st.characters(exclude_categories=()))
STEERING = {*map(chr, [*range(9), *range(11, 32), *range(0x7F, 0xA0)]), *"\u202e\u2066\u2028"}


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("plain", "plain"),
        (f"na\u00efve {GRIN}", f"na\u00efve {GRIN}"),
        (f"{HIGH}{LOW}", GRIN),
        (f"a{HIGH}b", "a\ufffdb"),
        (f"{LOW}{HIGH}", "\ufffd\ufffd"),
        (f"{HIGH}{HIGH}{LOW}", f"\ufffd{GRIN}"),
    ],
)
def test_surrogates_are_joined_or_replaced(text: str, fit: str) -> None:
    assert encodable(text) == fit


@given(ANY_TEXT)
def test_any_text_becomes_encodable(text: str) -> None:
    assert encodable(text).encode().decode() == encodable(text)


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x9b31mred", "red"),
        ("a\x1b]0;a title\x07b", "ab"),
        ("a\x1b]52;c;cHduZWQ=\x1b\\b", "ab"),
        ("a\x9d0;a title\x9cb", "ab"),
        ("never ends \x1b]0;a title", "never ends 0;a title"),
        ("\x1bPq\x1b\\x", "x"),
        ("\x1b(0x", "x"),
        ("\x1b\x1b[0m[2Jx", "[2Jx"),
        ("10 %\r20 %", "10 % 20 %"),
        ("a\r\n\tb", "a b"),
        ("a\0\a\b\x7f\x85\u2028b", "a b"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("\u2067abc\u2069", "abc"),
        (f"half {HIGH}", "half \ufffd"),
    ],
)
def test_a_terminal_is_not_steered(text: str, fit: str) -> None:
    assert printable(text) == fit


@pytest.mark.parametrize(
    "text",
    ["\u200f\u05e9\u05dc\u05d5\u05dd\u200f!", "\U0001f469\u200d\U0001f680", "\u06cc\u200c\u0627"],
)
def test_marks_that_a_script_or_an_emoji_needs_stay(text: str) -> None:
    assert printable(text) == text


def test_an_answer_keeps_its_lines() -> None:
    assert printable("1. tea\r\n\t2. milk\x1b[A\n", keeps_lines=True) == "1. tea\n\t2. milk\n"


@given(ANY_TEXT, st.booleans())
def test_nothing_of_any_text_steers_a_terminal(text: str, keeps_lines: bool) -> None:
    shown = printable(text, keeps_lines=keeps_lines)
    assert not STEERING & {*shown}
    assert keeps_lines or not {*"\n\t"} & {*shown}
    assert printable(shown, keeps_lines=keeps_lines) == shown
    shown.encode()


def test_a_long_text_is_shortened() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "abc\u2026"


@pytest.mark.parametrize(
    ("pieces", "texts"),
    [
        (["Hi ", "there"], ["Hi ", "there", ""]),
        ([f"Hi {HIGH}", f"{LOW}!"], ["Hi ", f"{GRIN}!", ""]),
        ([HIGH, "", LOW], ["", "", GRIN, ""]),
        ([f"Hi {HIGH}", "there"], ["Hi ", "\ufffdthere", ""]),
        ([f"Hi {HIGH}"], ["Hi ", "\ufffd"]),
        ([f"Hi {LOW}"], ["Hi \ufffd", ""]),
    ],
)
def test_halves_in_two_pieces_are_joined_where_they_meet(
    pieces: list[str], texts: list[str]
) -> None:
    text = PiecewiseText()
    assert [*map(text.add, pieces), text.end()] == texts
    assert text.end() == ""


@given(ANY_TEXT, st.lists(st.integers(0, 50)))
def test_pieces_make_the_same_text(whole: str, cuts: list[int]) -> None:
    text = PiecewiseText()
    bounds = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(bounds)]
    assert "".join([*map(text.add, pieces), text.end()]) == encodable(whole)
