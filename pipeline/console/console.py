"""The conversation as a person reads it.

On a terminal the answer's words appear as they arrive; elsewhere every line is written whole. The
user's words often arrive in the middle of the answer to them: the answer waits for them here, so
that question and answer stand in the right order.
"""

import logging
import sys

from rich.console import Console as RichConsole

from pipeline.reports import (
    AssistantDone,
    AssistantSaid,
    Connecting,
    Interrupted,
    Listening,
    Log,
    Notice,
    Processing,
    Ready,
    Report,
    SessionReady,
    Started,
    Trace,
    UserSaid,
)

_STATES = {
    Listening: ("Listening …", "green"),
    Processing: ("Processing …", "yellow"),
    Ready: ("Ready", "green"),
}


class Console:
    """Shows reports, one after the other.

    :param transcription: whether the user's words will come at all.
    :param verbose: also show events, facts of the processes and messages of libraries.
    """

    def __init__(self, *, transcription: bool = True, verbose: bool = False) -> None:
        self._out = RichConsole(markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._streams = self._out.is_terminal
        self._transcription = transcription
        self._verbose = verbose
        self._user_words_due = False
        self._held: list[AssistantSaid | AssistantDone] = []
        self._answer = ""  # words of the line that is open

    def show(self, report: Report) -> None:
        if isinstance(report, AssistantSaid | AssistantDone):
            self._held.append(report)
            if not self._user_words_due:
                self._release()
            return
        if isinstance(report, Interrupted | Ready):
            self._release()
        if shown := self._shown(report):
            self._line(*shown)
        if isinstance(report, Processing):
            self._user_words_due = self._transcription
        if isinstance(report, UserSaid):
            self._release()

    def _shown(self, report: Report) -> tuple[str, str] | None:
        """Text and style of a report's line; None if it has none."""
        match report:
            case Connecting(where):
                return f"Connecting to {where} …", "dim"
            case SessionReady(session_id, model, voice):
                return f"Session {session_id} ({model}, {voice})", "dim"
            case UserSaid(text):
                return f"You: {text or '(not understood)'}", "bold cyan"
            case Interrupted(heard_ms):
                return f"Interrupted after {heard_ms / 1_000:.2f} s.", "magenta"
            case Notice(message):
                return message, "yellow"
            case Started(part, facts) if self._verbose:
                return f"{part}: {facts}", "dim"
            case Trace(message) if self._verbose:
                return message, "dim"
            case Log(level, logger, message) if self._verbose or level >= logging.ERROR:
                return f"{logger}: {message}", "dim"
        return _STATES.get(type(report))

    def welcome(self) -> None:
        """Say that everything runs, what one can do, and how to leave."""
        self._line("Ready: speak, you can interrupt anytime. Ctrl-C ends the conversation.", "bold")

    def say(self, sentence: str) -> None:
        """Show a sentence of the program's own."""
        self._line(sentence, "bold")

    def traceback(self, text: str) -> None:
        """Show where a child process failed, with --verbose."""
        if self._verbose:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - not part of the conversation

    def _release(self) -> None:
        """The answer's words have waited long enough."""
        self._user_words_due = False
        held, self._held = self._held, []
        for report in held:
            if isinstance(report, AssistantDone):
                self._close_answer()
            elif self._streams:
                self._out.print(
                    report.text if self._answer else f"Assistant: {report.text}", end=""
                )
                self._answer += report.text
            else:
                self._answer += report.text

    def _close_answer(self) -> None:
        if not self._answer:
            return
        if self._streams:
            self._out.print()
        else:
            self._out.print(f"Assistant: {self._answer}")
        self._answer = ""

    def _line(self, text: str, style: str) -> None:
        self._close_answer()
        self._out.print(text, style=style)
