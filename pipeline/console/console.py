"""The conversation as a person reads it.

All text goes through `printable` here: a service, a tool or a device name may hold anything.

The answer's words are events that come as the words are heard. On a terminal they appear at once;
elsewhere every line is written whole. A dash marks where an answer was cut. The user's words often
arrive in the middle of the answer to them: the answer waits here, so that question and answer stand
in the right order. So does the interruption until the words that it cut off stand there.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.text import Text

from pipeline.console.repeats import RepeatCounter
from pipeline.ipc.event_counts import EventCounts
from pipeline.ipc.events import (
    Announcement,
    AssistantDone,
    AssistantSaid,
    Connecting,
    Event,
    EventRead,
    Interrupted,
    Listening,
    Log,
    Marked,
    Notice,
    Opened,
    PeriodsMissed,
    Processing,
    Ready,
    RecordingEnded,
    SessionReady,
    Started,
    ToolCalled,
    ToolPrinted,
    Trace,
    UserSaid,
)
from pipeline.ipc.reports import Report, event_of
from pipeline.system.text import printable, shortened

_name = partial(shortened, characters=100)
_arguments = partial(shortened, characters=500)
"""A model may pass a whole document; the beginning of it tells what it is."""
_sentence = partial(shortened, characters=2_000)

_CUT = "—"
_LONGEST_CUT_S = 0.25
"""How long the words of an answer may take to end after the user has begun to speak."""

_LINES: dict[type, Callable[[Any], tuple[str, str]]] = {
    Connecting: lambda r: (f"Connecting to {r.where} …", "dim"),
    SessionReady: lambda r: (f"Session {_name(r.session_id)} ({r.model}, {r.voice})", "dim"),
    Listening: lambda _: ("Listening …", "green"),
    Processing: lambda _: ("Processing …", "yellow"),
    UserSaid: lambda r: (f"You: {r.text or '(not understood)'}", "bold cyan"),
    Interrupted: lambda r: (f"Interrupted after {r.heard_ms / 1_000:.2f} s.", "magenta"),
    Ready: lambda _: ("Ready", "green"),
    Opened: lambda _: (
        "Ready: speak, you can interrupt anytime. Ctrl-C ends the conversation.",
        "bold",
    ),
    Announcement: lambda r: (r.message, "bold"),
    RecordingEnded: lambda r: (
        f"The recording of the answers ends here ({r.reason}). The conversation continues.",
        "yellow",
    ),
    Marked: lambda r: (f"Marked: {r.text}" if r.text else "Marked.", "bold"),
    ToolCalled: lambda r: (f"Calling {_name(r.name)}({_arguments(r.arguments)}) …", "blue"),
    ToolPrinted: lambda r: (f"tool | {r.line}", "blue"),
}
"""Text and style of the events that are always shown."""

_ASIDES: dict[type, Callable[[Any], str]] = {
    Started: lambda r: f"{r.part}: {r.facts}",
    PeriodsMissed: lambda r: f"{r.part}: {len(r.periods)} period(s) too late",
    Trace: lambda r: _sentence(r.message),
}
"""Text of the events that are shown with --verbose only."""


class Console:
    """Shows events, one after the other.

    :param transcription: whether the service sends the user's words.
    :param out: prints; None: on standard output.
    :param verbose: 1: also show events, facts about the processes and messages of libraries, with
        the time since the start in front of each line; an answer's words then come in one piece.
        2: also what sound libraries print.
    """

    def __init__(
        self, *, transcription: bool = True, verbose: int = 0, out: RichConsole | None = None
    ) -> None:
        self._out = out or RichConsole(markup=False, highlight=False, emoji=False)
        self._streams = self._out.is_terminal and not verbose
        self._transcription = transcription
        self._verbose = verbose
        self._start_s = time.monotonic()
        self._events = EventCounts()
        self._repeats = RepeatCounter()
        self._user_words_due = False
        self._held: list[AssistantSaid | AssistantDone | ToolCalled] = []
        self._answer = ""  # words of the line that is open
        self._interrupted_s: float | None = None  # when the user spoke over that line
        self._column = 0

    def show(self, report: Event) -> None:
        if isinstance(report, AssistantSaid | AssistantDone | ToolCalled):
            self._held.append(report)
            if not self._user_words_due:
                self._release()
            return
        if isinstance(report, Listening) and self._answer:
            self._interrupted_s = time.monotonic()
            return
        if isinstance(report, Interrupted | Ready):
            self._release()
        if isinstance(report, Notice):
            self._notices(self._repeats.take(report.message))
        elif isinstance(report, Log):
            self._log(report)
        elif isinstance(report, EventRead):
            self._event(report)
        elif line := _LINES.get(type(report)):
            self._line(*line(report))
        elif self._verbose and (aside := _ASIDES.get(type(report))):
            self._aside(aside(report))
        if isinstance(report, Processing):
            self._user_words_due = self._transcription
        if isinstance(report, UserSaid):
            self._release()

    def show_report(self, report: Report) -> None:
        """Show what a process reports, if it is an event for a person."""
        if event := event_of(report):
            self.show(event)

    def _event(self, event: EventRead) -> None:
        if self._verbose:
            for line in self._events.lines(event.kind):
                self._aside(_sentence(line))

    def _log(self, log: Log) -> None:
        message = f"{log.logger}: {log.message}"
        if self._verbose > 1 or (self._verbose and log.level > logging.DEBUG):
            self._aside(message, keeps_lines=True)
        elif log.level >= logging.ERROR:
            self._notices(self._repeats.take(message))

    def say(self, sentence: str) -> None:
        """Show a sentence of the program's own."""
        self._line(sentence, "bold")

    def tell_repeats(self) -> None:
        """Tell how often notices came again; call this a few times a second.

        Speech over an answer waits no longer for the end of its words: perhaps it cut nothing.
        """
        since_s = self._interrupted_s
        if since_s is not None and time.monotonic() - since_s > _LONGEST_CUT_S:
            self._show_interruption()
        self._notices(self._repeats.due())

    def end(self) -> None:
        """Tell what would be told later."""
        self._close_answer()
        for line in self._events.rest():
            self._aside(line)
        self._notices(self._repeats.end())

    def _notices(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self._line(_sentence(sentence), "yellow")

    def _release(self) -> None:
        """Show the words of the answer that have waited for the question."""
        self._user_words_due = False
        held, self._held = self._held, []
        for report in held:
            if isinstance(report, AssistantDone):
                self._end_answer(report)
            elif isinstance(report, ToolCalled):
                self._line(*_LINES[ToolCalled](report))
            else:
                self._say(report.text)

    def _say(self, text: str) -> None:
        """Add words to the open line; on a terminal they appear at once, broken between words."""
        text = printable(text, keeps_lines=True)
        if not self._answer:
            text = text.lstrip()
        if self._streams:
            label = "" if self._answer else "Assistant: "
            for blanks, word in re.findall(r"(\s*)(\S*)", label + text):
                self._append(blanks, word)
        self._answer += text

    def _append(self, blanks: str, word: str) -> None:
        """Write a word on the open line, or on the next if it does not fit."""
        cells = cell_len(blanks + word)
        if self._column and ("\n" in blanks or self._column + cells > self._out.width):
            self._out.print()
            self._column = 0
        if not self._column:
            blanks, cells = "", cell_len(word)
        self._out.print(blanks + word, end="", soft_wrap=True)
        self._column += cells

    def _end_answer(self, done: AssistantDone) -> None:
        """Close the line of an answer: with a dash if it was cut, and what was not heard, dim."""
        unheard = printable(done.unheard).strip() if self._verbose else ""
        if done.cut and (self._answer or unheard):
            blank = "" if not self._answer or self._answer[-1].isspace() else " "
            self._say(blank + _CUT)
        self._close_answer(unheard)

    def _close_answer(self, unheard: str = "") -> None:
        """Close the line that is open, if one is; what waited for it follows."""
        if self._answer and self._column:
            self._out.print()
            self._column = 0
        if self._answer and not self._streams:
            line = Text(f"Assistant: {self._answer.rstrip()}")
            self._print(line.append(f" {unheard}", "dim") if unheard else line, "")
        self._answer = ""
        self._show_interruption()

    def _show_interruption(self) -> None:
        interrupted, self._interrupted_s = self._interrupted_s is not None, None
        if interrupted:
            self._line(*_LINES[Listening](Listening()))

    def _line(self, text: str, style: str) -> None:
        self._close_answer()
        self._print(printable(text), style)

    def _aside(self, text: str, *, keeps_lines: bool = False) -> None:
        """Show a line of --verbose; an answer whose words still come stays in one piece."""
        self._print(printable(text, keeps_lines=keeps_lines), "dim")

    def _print(self, text: str | Text, style: str) -> None:
        if self._verbose:
            text = Text.assemble(f"{time.monotonic() - self._start_s:8.3f} ", text)
        self._out.print(text, style=style, soft_wrap=not self._streams)
