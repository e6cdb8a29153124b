"""transcript.md and transcript.vtt: what was said; of the answers what was heard, and when.

Both are made of the conversation's events, so that a new recorder makes the same of events.jsonl.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.pcm import SAMPLE_RATE_HZ, ms_to_samples
from pipeline.system.files import replace_text
from pipeline.system.text import printable

_SPEAKERS = {"user": "You", "assistant": "Assistant"}
_LEAST_CUE = SAMPLE_RATE_HZ // 2
_LONGEST_WORD = 2 * SAMPLE_RATE_HZ
"""A cue is not shown longer than this after its last word began: a pause follows."""

_LONG_PHRASE, _LONGEST_PHRASE = 40, 84
"""Characters from which a comma ends a cue, and from which any word does."""

_LATEST_WORDS = 3 * SAMPLE_RATE_HZ // 2
"""How long after an interruption the words of the answer may come. Until they are complete they may
be those of the next answer, if the first one's never come; the next one is not cut so soon."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*\s*$")  # noqa: RUF001 - of other scripts
_PHRASE_END = re.compile(r"[,;:—，、；：]\s*$")  # noqa: RUF001 - of other scripts
_PIECE = re.compile(r"\S+\s*|\s+")


class Word(NamedTuple):
    """A piece of text and the place at which it began to sound."""

    place: int
    text: str


class Cue(NamedTuple):
    """What is shown from `begin` to `end`."""

    begin: int
    end: int
    text: str


@dataclass(slots=True)
class Line:
    """One turn. Places are samples of the recording; `end` is None while it lasts."""

    role: str
    begin: int
    end: int | None = None
    words: list[Word] = field(default_factory=list)
    cut: bool = False

    @property
    def said(self) -> str:
        return "".join(word.text for word in self.words)

    @property
    def text(self) -> str:
        words = printable(self.said).strip()
        return f"{words} —" if self.cut and words else words

    def settle(self, text: str, end: int) -> None:
        """Take the whole text, and the place where it ended."""
        said = self.said
        self.end = end
        if not text.startswith(said):
            self.words = spread(text, self.begin, end)
        elif text != said:
            self.words.append(Word(end if said else self.begin, text[len(said) :]))


class Transcript:
    """Collects turns; `write` makes both files anew, if something has changed.

    :param reads_ahead: the words of an answer come before they are heard: they are spread evenly.
    """

    def __init__(self, started: str, *, reads_ahead: bool = False) -> None:
        self._started = started
        self._reads_ahead = reads_ahead
        self._lines: list[Line] = []
        self._answer: Line | None = None  # the one whose words are coming
        self._speech: int | None = None  # where the user began to speak, while it lasts
        self._speeches: list[tuple[int, int]] = []  # begin and end of those without words as yet
        self._wordless: tuple[int, int] | None = None  # what sounded of a cut answer without words
        self._told_cut = False  # the words of an interrupted answer came before the interruption
        self._changed = True

    @property
    def lines(self) -> list[Line]:
        """The turns with words, in the order in which they began."""
        return sorted((line for line in self._lines if line.text), key=lambda line: line.begin)

    def take(self, event: dict[str, Any], place: int) -> None:
        """Take an event of the conversation, which happened at `place`."""
        text = event.get("text")
        text = text if isinstance(text, str) else ""
        match event.get("event"):
            case "listening":
                self._speech = place
            case "processing" if self._speech is not None:
                self._speeches.append((self._speech, place))
                self._speech = None
            case "user_said":
                self._user_said(text, place, typed=event.get("typed") is True)
            case "session_ready":
                # A session before it owes words, and an interruption, that never come.
                self._speeches.clear()
                self._told_cut = False
            case "assistant_said" if text:
                self._assistant_said(text, place)
            case "assistant_done":
                self._assistant_done(text, place, cut=event.get("cut") is True)
            case "interrupted":
                self._interrupted(event.get("heard_ms"), place)

    def write(self, markdown: Path, subtitles: Path) -> None:
        """Write both files, if something has changed.

        :raises OSError: the disk is full, for example. The files from before stay.
        """
        if self._changed:
            self._changed = False
            replace_text(markdown, "".join(self._markdown()))
            replace_text(subtitles, "".join(self._subtitles()))

    def _user_said(self, text: str, place: int, *, typed: bool) -> None:
        begin, end = (place, place) if typed else self._take_speech(place)
        if self._wordless is not None and end > self._wordless[1]:
            self._wordless = None  # the words of an answer to this turn follow
        if text.strip():
            self._lines.append(Line("user", begin, end, spread(text, begin, end)))
            self._changed = True

    def _take_speech(self, place: int) -> tuple[int, int]:
        """Return begin and end of the speech whose words have come: the oldest, if there is one."""
        if self._speeches:
            return self._speeches.pop(0)
        begin, self._speech = self._speech, None
        return (place, place) if begin is None else (begin, place)

    def _assistant_said(self, text: str, place: int) -> None:
        if self._answer is None:
            self._answer = Line("assistant", place, words=spread(text, place, place))
            self._lines.append(self._answer)
        else:
            self._answer.words.append(Word(place, text))
        self._changed = True

    def _interrupted(self, heard_ms: object, place: int) -> None:
        """An answer was cut at `place`; without words yet, they belong where it sounded."""
        if not self._told_cut and self._answer is None and isinstance(heard_ms, int):
            self._wordless = place - ms_to_samples(heard_ms), place
        self._told_cut = False

    def _assistant_done(self, text: str, place: int, *, cut: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            answer = Line("assistant", place)
            self._lines.append(answer)
        wordless, self._wordless = self._wordless, None
        comes_late = cut and wordless is not None and place - wordless[1] <= _LATEST_WORDS
        self._told_cut = cut and not comes_late
        if comes_late and wordless is not None:
            answer.begin, place = wordless
        if comes_late or self._reads_ahead:
            answer.words = spread(text, answer.begin, place)
        answer.settle(text, place)
        answer.cut = cut
        self._changed = True

    def _markdown(self) -> Iterator[str]:
        yield f"# Conversation of {self._started}\n"
        for line in self.lines:
            yield f"\n**{_SPEAKERS[line.role]}** ({_clock(line.begin)[:-4]}): {line.text}\n"

    def _subtitles(self) -> Iterator[str]:
        yield "WEBVTT\n"
        shown = [(cue, line.role) for line in self.lines for cue in cues(line)]
        for cue, role in sorted(shown, key=lambda each: each[0].begin):
            text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            yield f"\n{_clock(cue.begin)} --> {_clock(cue.end)}\n<v {_SPEAKERS[role]}>{text}\n"


def cues(line: Line) -> Iterator[Cue]:
    """Divide a turn into phrases, each shown from its first word to the next phrase."""
    phrases = list(_phrases(line.words))
    begins = [phrase[0].place for phrase in phrases[1:]]
    for number, phrase in enumerate(phrases):
        is_last = number == len(begins)
        begin, last = phrase[0].place, phrase[-1].place + _LONGEST_WORD
        end = line.end if is_last else begins[number]
        end = last if end is None else min(end, last)
        if is_last:
            end = max(end, begin + _LEAST_CUE)
        text = printable("".join(word.text for word in phrase)).strip()
        if text:
            yield Cue(begin, end, f"{text} —" if is_last and line.cut else text)


def spread(text: str, begin: int, end: int) -> list[Word]:
    """Return the words of a text that is spoken evenly between two places."""
    pace = (end - begin) / max(1, len(text))
    pieces = _PIECE.finditer(text)
    return [Word(begin + round(piece.start() * pace), piece[0]) for piece in pieces]


def _phrases(words: list[Word]) -> Iterator[list[Word]]:
    phrase: list[Word] = []
    length = 0
    for word in words:
        phrase.append(word)
        length += len(word.text)
        if _ends_phrase(word.text, length):
            yield phrase
            phrase, length = [], 0
    if phrase:
        yield phrase


def _ends_phrase(word: str, length: int) -> bool:
    if length >= _LONGEST_PHRASE or _SENTENCE_END.search(word):
        return True
    return length >= _LONG_PHRASE and _PHRASE_END.search(word) is not None


def _clock(place: int) -> str:
    """Return a place as hours, minutes, seconds and milliseconds."""
    ms = max(0, place) * 1_000 // SAMPLE_RATE_HZ
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1_000 % 60:02}.{ms % 1_000:03}"
