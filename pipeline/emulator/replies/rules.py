"""Answers by rule. They invent nothing, and say what they cannot know.

A rule is a pattern and a function. The first rule that matches and returns an answer is used.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.emulator.replies.arithmetic import answer_sum
from pipeline.emulator.replies.sample_story import STORY
from pipeline.numerals import cardinal, ordinal, parse_number

_SKILLS = (
    "I can tell you the time and the date, do sums, count, repeat what you say, "
    "or tell a long story."
)
_HIGHEST_COUNT = 100
_NOTHING_UNDERSTOOD = "I heard you, but I could not make out any words. Please say that again."


def local_time() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class Replier:
    """Answers one remark at a time. `now` returns the local time."""

    now: Callable[[], datetime] = local_time

    def reply(self, remark: str) -> Iterator[str]:
        """Yield the answer word by word, each with the space before it."""
        for index, word in enumerate(self.answer(remark).split(" ")):
            yield f" {word}" if index else word

    def answer(self, remark: str) -> str:
        """Return the answer to a remark as it was transcribed."""
        words = normalised(remark)
        if not re.search(r"\w", words):
            return _NOTHING_UNDERSTOOD
        for pattern, rule in _RULES:
            if (found := re.search(pattern, words)) and (answer := rule(self, found, remark)):
                return answer
        return f"I heard: {_quoted(remark)}. I cannot answer that without a connection. {_SKILLS}"


def normalised(remark: str) -> str:
    """Return `remark` in lower case, straight apostrophes, single spaces, no outer punctuation."""
    straight = remark.lower().replace("\u2019", "'").replace("\u2018", "'")
    return re.sub(r"\s+", " ", straight).strip(" .,!?;:\"'")


def time_words(time: datetime) -> str:
    """Return the time of day, such as "nine oh five in the morning"."""
    hour = cardinal((time.hour - 1) % 12 + 1)
    if time.minute == 0:
        minute = " o'clock"
    else:
        minute = " oh " if time.minute < 10 else " "
        minute += cardinal(time.minute)
    return f"{hour}{minute} {_part_of_day(time.hour)}"


def date_words(date: datetime) -> str:
    """Return the date, such as "Sunday, November the twenty-second, twenty twenty-six"."""
    century, rest = divmod(date.year, 100)
    year = f"{cardinal(century)} {cardinal(rest) if rest > 9 else f'oh {cardinal(rest)}'}"
    if rest == 0 or date.year // 10 == 200:
        year = cardinal(date.year)
    return f"{date:%A}, {date:%B} the {ordinal(date.day)}, {year}"


def _part_of_day(hour: int) -> str:
    if hour < 12:
        return "in the morning"
    return "in the afternoon" if hour < 18 else "in the evening"


def _quoted(remark: str) -> str:
    return remark.strip().rstrip(".!?,;: ")


def _repeat(_: Replier, found: re.Match[str], remark: str) -> str | None:
    """Return what follows "repeat after me", with the remark's own words and capitals."""
    length = len(found["what"])
    straight = re.sub(r"\s+", " ", remark).strip(" .,!?;:\"'")
    said = straight[-length:].strip(" .,!?;:") if length else ""
    return said[0].upper() + said[1:] + "." if said else None


def _count(_: Replier, found: re.Match[str], __: str) -> str | None:
    last = parse_number(found["last"].replace("-", " ").split())
    if last is None or last.denominator != 1 or last < 1:
        return None
    if last > _HIGHEST_COUNT:
        return f"That would take too long. I count to {cardinal(_HIGHEST_COUNT)} at most."
    return ", ".join(cardinal(n) for n in range(1, int(last) + 1)).capitalize() + "."


def _time(replier: Replier, _: re.Match[str], __: str) -> str:
    return f"It is {time_words(replier.now())}."


def _date(replier: Replier, _: re.Match[str], __: str) -> str:
    return f"Today is {date_words(replier.now())}."


def _sum(_: Replier, found: re.Match[str], __: str) -> str | None:
    return answer_sum(found[0])


def _greet(replier: Replier, _: re.Match[str], __: str) -> str:
    part = _part_of_day(replier.now().hour).rpartition(" ")[2]
    return f"Good {part}! I am the offline assistant, running on this computer. {_SKILLS}"


def _always(answer: str) -> Callable[[Replier, re.Match[str], str], str]:
    return lambda _, __, ___: answer


_WEATHER = _always(
    "I work offline, without a connection, so I cannot know the weather. "
    "A look out of the window is more reliable than I am."
)

_Rule = Callable[[Replier, re.Match[str], str], str | None]

_RULES: tuple[tuple[str, _Rule], ...] = (
    (
        r"\b(?:(?:repeat|say) (?:after me|the words)|repeat this)\b[\s,:.]*(?P<what>.*)$",
        _repeat,
    ),
    (r".*", _sum),
    (r"\bcount\b.*?\b(?:up )?to (?P<last>[\w\s-]+?)(?: please)?$", _count),
    (r"\b(?:what|which) (?:day|date|month|year)\b|\b(?:today's|the|current) date\b", _date),
    (r"\bwhat time\b|\btime is it\b|\bthe time\b", _time),
    (r"\bstory\b|\bstories\b", _always(STORY)),
    (r"\bweather\b|\bforecast\b|\btemperature\b|\bis it (?:raining|snowing|sunny)\b", _WEATHER),
    (r"\bwill it (?:rain|snow|be (?:sunny|cold|warm|hot))\b", _WEATHER),
    (
        r"\bnews\b|\bheadlines\b",
        _always("I work offline, without a connection, so I have no news."),
    ),
    (
        r"\bwhat (?:else )?(?:can|do) you do\b|\bhelp\b|\bwhat are you able\b",
        _always(f"{_SKILLS} You can interrupt me at any time."),
    ),
    (
        r"\bwho are you\b|\bwhat are you\b|\byour name\b|\bare you (?:an? )?\w+$",
        _always(
            "I am the offline assistant of this voice client. "
            "I follow a few rules and run on this computer alone."
        ),
    ),
    (r"\bhow are you\b", _always("I am working as I should, thank you. What can I do for you?")),
    (r"\bthank(?:s| you)\b", _always("You are welcome.")),
    (r"\b(?:good ?bye|bye|see you|good night)\b", _always("Goodbye. It was good to talk to you.")),
    (
        r"^(?:please |ok |okay |no )?(?:stop|be quiet|quiet|enough|wait|never mind)\b.{0,20}$",
        _always("All right, I have stopped."),
    ),
    (r"^(?:hello|hi|hey|good (?:morning|afternoon|evening)|greetings)\b", _greet),
)
