"""transcript.md and transcript.vtt: what was said, of interrupted answers what was heard.

The words come from the conversation's memory, which keeps the latest 100 turns; the times from the
events and from what sounded.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.ipc.commands import RecordedTurn, RecordTurns
from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.system.files import OPEN_BINARY
from pipeline.system.text import printable

_SPEAKERS = {"user": "You", "assistant": "Assistant"}
_LEAST_CUE = SAMPLE_RATE_HZ // 2
_WITHOUT_SOUND = 2 * SAMPLE_RATE_HZ
"""How long the words of a turn are shown that has no sound of its own, in samples."""


@dataclass(slots=True)
class Line:
    """One turn. Places are samples of the recording."""

    turn: RecordedTurn
    begin: int
    end: int | None = None
    is_timed: bool = False
    items: list[int] = field(default_factory=list)
    interrupted: bool = False

    @property
    def text(self) -> str:
        words = printable(self.turn.words).strip()
        return f"{words} —" if self.interrupted and words else words


class Transcript:
    """Collects turns; `write` makes both files anew, if something has changed.

    :param is_new: whether there are no files yet; those of a process that ended stay until there
        is something to tell.
    """

    def __init__(self, started: str, *, is_new: bool = True) -> None:
        self._started = started
        self._lines: list[Line] = []
        self._base = 0  # index of the memory's oldest turn among the lines
        self._speech: tuple[int, int | None] | None = None  # the user's latest, not yet of a turn
        self._changed = is_new

    def speech_begins(self, place: int) -> None:
        self._speech = place, None

    def speech_ends(self, place: int) -> None:
        if self._speech is not None:
            self._speech = self._speech[0], place
        elif self._lines and (last := self._latest("user")) and last.end is None:
            last.end = place

    def interrupted(self) -> None:
        """The answer that sounded last was interrupted."""
        heard = [line for line in self._lines if line.turn.role == "assistant" and line.is_timed]
        if heard:
            heard[-1].interrupted = self._changed = True

    def sounds(self, item: int, begin: int, end: int) -> None:
        """An answer item has sounded from `begin` to `end`."""
        for line in self._lines:
            if item in line.items:
                line.begin = min(line.begin, begin) if line.is_timed else begin
                line.end = max(line.end or 0, end)
                line.is_timed = self._changed = True

    def take(self, known: RecordTurns, place: int) -> None:
        """Take the latest turns, at this place of the recording."""
        self._base += _dropped([line.turn for line in self._lines[self._base :]], known.turns)
        for index, turn in enumerate(known.turns, self._base):
            if index == len(self._lines):
                self._lines.append(self._line(turn, place))
                self._changed = True
            elif self._lines[index].turn != turn:
                self._lines[index].turn = turn
                self._changed = True
        for item, index in known.answers:
            line = self._lines[self._base + index]
            if item not in line.items:
                line.items.append(item)

    def write(self, markdown: Path, subtitles: Path) -> None:
        """Write both files, if something has changed.

        :raises OSError: the disk is full, for example. The files from before stay.
        """
        if self._changed:
            self._changed = False
            _replace(markdown, "".join(self._markdown()))
            _replace(subtitles, "".join(self._subtitles()))

    def _line(self, turn: RecordedTurn, place: int) -> Line:
        if turn.role != "user" or self._speech is None:
            return Line(turn, place)
        (begin, end), self._speech = self._speech, None
        return Line(turn, begin, end, is_timed=True)

    def _latest(self, role: str) -> Line | None:
        return next((line for line in reversed(self._lines) if line.turn.role == role), None)

    def _markdown(self) -> Iterator[str]:
        yield f"# Conversation of {self._started}\n"
        for line in self._lines:
            if line.text:
                at = _clock(line.begin)[:-4]
                yield f"\n**{_SPEAKERS[line.turn.role]}** ({at}): {line.text}\n"

    def _subtitles(self) -> Iterator[str]:
        yield "WEBVTT\n"
        for line in sorted(self._lines, key=lambda line: line.begin):
            if line.text:
                end = max(line.end or line.begin + _WITHOUT_SOUND, line.begin + _LEAST_CUE)
                text = line.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                yield f"\n{_clock(line.begin)} --> {_clock(end)}\n"
                yield f"<v {_SPEAKERS[line.turn.role]}>{text}\n"


def _dropped(known: list[RecordedTurn], latest: tuple[RecordedTurn, ...]) -> int:
    """Return how many of the `known` turns the memory has dropped: the fewest that fit."""
    return next(
        count
        for count in range(len(known) + 1)
        if all(_is_same(old, new) for old, new in zip(known[count:], latest, strict=False))
    )


def _is_same(old: RecordedTurn, new: RecordedTurn) -> bool:
    """Whether it may be the same turn: its words come later, grow, and are cut."""
    grown = old.words.startswith(new.words) or new.words.startswith(old.words)
    return (old.role, old.item_id) == (new.role, new.item_id) and grown


def _clock(place: int) -> str:
    """Return a place as hours, minutes, seconds and milliseconds."""
    ms = max(0, place) * 1_000 // SAMPLE_RATE_HZ
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1_000 % 60:02}.{ms % 1_000:03}"


def _replace(path: Path, text: str) -> None:
    """Replace a file as a whole, so that a kill leaves the one from before."""
    new = path.with_name(f".{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | OPEN_BINARY, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(text.encode())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
