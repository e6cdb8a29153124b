"""Answers by rule, and how numbers and text are made speakable."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.emulator.replies.arithmetic import answer_sum
from pipeline.emulator.replies.rules import Replier, date_words, time_words
from pipeline.emulator.replies.sample_story import STORY
from pipeline.emulator.speech.alignment import DELTA_SAMPLES, deltas
from pipeline.emulator.speech.clauses import clauses
from pipeline.emulator.speech.speakable import speakable
from pipeline.numerals import LIMIT, cardinal, ordinal, parse_number
from pipeline.pcm import Samples

NOON = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
REPLIER = Replier(now=lambda: NOON)


@pytest.mark.parametrize(
    ("remark", "answer"),
    [
        ("Hello!", "Good afternoon!"),
        ("Good morning.", "Good afternoon!"),
        ("What time is it?", "It is twelve oh five in the afternoon."),
        (
            "What day is it today?",
            "Today is Sunday, November the twenty-second, twenty twenty-six.",
        ),
        ("Stop, please. What day is it today?", "Today is Sunday,"),
        ("What's today's date?", "Today is Sunday,"),
        ("What is seven times six?", "Seven times six is forty-two."),
        ("What's 12 plus 30?", "Twelve plus thirty is forty-two."),
        ("7 x 6", "Seven times six is forty-two."),
        ("How much is ten divided by four?", "Ten divided by four is two point five."),
        ("10 divided by 3", "Ten divided by three is about three point three three three."),
        ("What is five divided by zero?", "Nothing can be divided by zero"),
        ("What is one plus two times three?", "One plus two times three is seven."),
        ("three minus five", "Three minus five is minus two."),
        ("What is twenty-five minus 4?", "Twenty-five minus four is twenty-one."),
        ("Repeat after me: the quick Brown fox.", "The quick Brown fox."),
        ("Please repeat after me, one two three", "One two three."),
        ("Count to five.", "One, two, three, four, five."),
        ("Can you count to 3 please?", "One, two, three."),
        ("Count up to a million.", "That would take too long."),
        ("Help!", "I can tell you the time"),
        ("What can you do?", "I can tell you the time"),
        ("Who are you?", "I am the offline assistant"),
        ("Tell me a long story.", "Here is a long story"),
        ("What's the weather like?", "I work offline"),
        ("Will it rain tomorrow?", "I work offline"),
        ("Thanks a lot.", "You are welcome."),
        ("Goodbye.", "Goodbye."),
        ("Stop.", "All right"),
        ("Go forward ten meters.", "I heard: Go forward ten meters. I cannot answer that"),
        ("", "I heard you, but"),
        ("...", "I heard you, but"),
        ("🙂", "I heard you, but"),
    ],
)
def test_answers(remark: str, answer: str) -> None:
    assert REPLIER.answer(remark).startswith(answer)


@given(st.text(max_size=100))
def test_there_is_an_answer_to_everything(remark: str) -> None:
    answer = REPLIER.answer(remark)
    assert answer.strip()
    assert "".join(REPLIER.reply(remark)) == answer


@pytest.mark.parametrize(
    "remark", ["", "seven", "minus", "plus plus", "times six", "what is", "1 + + 2", "a times b"]
)
def test_these_are_not_sums(remark: str) -> None:
    assert answer_sum(remark) is None


@given(st.integers(-1_000, 1_000), st.sampled_from("+-*/"), st.integers(-1_000, 1_000))
def test_sums_of_digits_are_right(left: int, sign: str, right: int) -> None:
    sums: dict[str, Callable[[], Fraction]] = {
        "+": lambda: Fraction(left + right),
        "-": lambda: Fraction(left - right),
        "*": lambda: Fraction(left * right),
        "/": lambda: Fraction(left, right),
    }
    name = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}[sign]
    answer = answer_sum(f"what is {cardinal(left)} {name} {cardinal(right)}")
    assert answer is not None
    if sign == "/" and right == 0:
        assert "divided by zero" in answer
        return
    said = answer.removesuffix(".").rpartition(" is ")[2].removeprefix("about ")
    number = parse_number(said.replace("-", " ").split())
    assert number is not None
    assert abs(number - sums[sign]()) <= Fraction(1, 2_000)


@given(st.integers(1 - LIMIT, LIMIT - 1))
def test_numbers_survive_words(value: int) -> None:
    assert parse_number(cardinal(value).replace("-", " ").split()) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [(1, "first"), (2, "second"), (12, "twelfth"), (20, "twentieth"), (22, "twenty-second")],
)
def test_ordinals(value: int, words: str) -> None:
    assert ordinal(value) == words


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (0, 0, "twelve o'clock in the morning"),
        (9, 5, "nine oh five in the morning"),
        (13, 30, "one thirty in the afternoon"),
        (23, 59, "eleven fifty-nine in the evening"),
    ],
)
def test_times_of_day(hour: int, minute: int, words: str) -> None:
    assert time_words(NOON.replace(hour=hour, minute=minute)) == words


@pytest.mark.parametrize(
    ("year", "words"),
    [(2000, "two thousand"), (2005, "two thousand five"), (1999, "nineteen ninety-nine")],
)
def test_years(year: int, words: str) -> None:
    assert date_words(NOON.replace(year=year)).endswith(words)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It is 10:30.", "It is ten thirty."),
        ("At 9:05", "At nine oh five"),
        ("5 + 3 = 8", "five plus three equals eight"),
        ("50% of 1,234", "fifty percent of one thousand two hundred thirty-four"),
        ("3.14", "three point one four"),
        ("007", "zero zero seven"),
        ("-5", "minus five"),
        ("caf\u00e9", "cafe"),
        ("it\u2019s", "it's"),
        ("", ""),
        ("...", ""),
        ("\U0001f642", ""),
    ],
)
def test_text_is_made_speakable(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@given(st.text(max_size=300))
def test_speakable_text_is_plain(text: str) -> None:
    spoken = speakable(text)
    assert spoken.isascii()
    assert not any(character.isdigit() for character in spoken)


def clauses_of(parts: Iterable[str | int]) -> list[str | int]:
    async def stream() -> AsyncIterator[str | int]:
        for part in parts:
            yield part

    async def collect() -> list[str | int]:
        return [clause async for clause in clauses(stream())]

    return asyncio.run(collect())


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=30))
def test_clauses_lose_nothing(words: list[str]) -> None:
    assert "".join(map(str, clauses_of(words))) == "".join(words)


def test_clauses_end_at_punctuation() -> None:
    assert clauses_of(["Well,", " yes.", " No", " 3.5", " of", " it!"]) == [
        "Well, ",
        "yes. ",
        "No 3.5 of it!",
    ]


def test_a_part_that_is_not_text_ends_a_clause() -> None:
    told = clauses_of(["Let me", " see", 7, 8, "So,", " now"])
    assert told == ["Let me see", 7, 8, "So, ", "now"]


def test_the_story_is_long_enough_to_interrupt() -> None:
    assert len(STORY.split()) > 150


@given(st.text(alphabet="ab ", max_size=40), st.integers(0, 5 * DELTA_SAMPLES))
def test_deltas_lose_nothing(clause: str, length: int) -> None:
    import numpy as np

    sound: Samples = np.arange(length).astype(np.int16)
    pieces = list(deltas(clause, sound))
    assert "".join(piece.text for piece in pieces) == clause
    assert np.array_equal(np.concatenate([piece.sound for piece in pieces]), sound)
