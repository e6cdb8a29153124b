"""The command `run`: a user of the library that shows events to a person, or to a program."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from rich.console import detect_legacy_windows

from pipeline.api.blocking import BlockingVoiceSession
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.console.json_lines import JsonLines
from pipeline.errors import SettingsError
from pipeline.ipc.events import Event
from pipeline.system.signals import ending_signals_ignored, signals_end_the_run

if TYPE_CHECKING:
    from pipeline.console.live_screen import LiveScreen

REPEATS_S = 0.25
"""How often to look whether repeated notices are to be told."""

RECORDING_LOST = 1
"""Exit code of a conversation of which something that was to be recorded is missing."""

_NAMELESS = ("", "dumb", "unknown")
"""What TERM says of a terminal that can only print lines."""


class Screen(Protocol):
    """Where events are shown."""

    def show(self, event: Event) -> None:
        """Show an event."""

    def tell_repeats(self) -> None:
        """Tell what has been counted; called a few times a second."""

    def end(self) -> None:
        """Tell what would be told later."""

    def say(self, sentence: str) -> None:
        """Show a sentence of the command's own."""


def run(settings: Settings, *, json_events: bool = False, plain: bool = False) -> int:
    """Hold a conversation until Ctrl-C, or until a recorded input has been answered.

    :param json_events: print each event as a line of JSON.
    :param plain: print lines only, also on a terminal.
    :raises PipelineError: it could not start, or broke off.
    """
    shows_panel = not (json_events or plain) and _terminal_shows_panel()
    reads_keys = shows_panel and sys.stdin.isatty()
    if settings.marks_turns and not reads_keys:
        raise SettingsError(_unmarked(json_events=json_events, plain=plain))
    with signals_end_the_run():
        if shows_panel:
            from pipeline.console.live_screen import LiveScreen

            return _hold(settings, LiveScreen(settings, keys=reads_keys))
        if json_events:
            return _hold(settings, JsonLines())
        return _hold(
            settings, Console(transcription=settings.transcription, verbose=settings.verbose)
        )


def _unmarked(*, json_events: bool, plain: bool) -> str:
    """Return the sentence about turns that no key can mark."""
    flags = "--push-to-talk (or --turn-detection none)"
    hidden_by = "--json-events" if json_events else "--plain" if plain else None
    if hidden_by:
        return f"{flags} needs keys to mark your turns, and {hidden_by} has none: leave out one."
    return (
        f"{flags} needs keys to mark your turns, and this is not a terminal that has them: start "
        "it in one, use another --turn-detection, or mark turns by the library."
    )


def _hold(settings: Settings, screen: "Screen | LiveScreen") -> int:
    live = screen if isinstance(screen, AbstractContextManager) else None
    session = BlockingVoiceSession(settings, levels=live is not None)
    with live or nullcontext():
        try:
            with session:
                if live is not None:
                    live.follow(session)
                _show_all(session, screen, live.conversation_over if live else lambda: None)
        except KeyboardInterrupt:
            screen.say("Goodbye.")
    return RECORDING_LOST if session.recording_lost else 0


def _terminal_shows_panel() -> bool:
    """Whether standard output is a terminal that can be written to in more than lines."""
    if not sys.stdout.isatty():
        return False
    if sys.platform == "win32":
        return not detect_legacy_windows()
    return os.environ.get("TERM", "") not in _NAMELESS


def _show_all(
    session: BlockingVoiceSession, screen: Screen, on_close: Callable[[], object]
) -> None:
    """Show the events to the last, which tells where the recording is, whatever ends the run."""
    try:
        while not session.ended:
            if event := session.next_event(REPEATS_S):
                screen.show(event)
            screen.tell_repeats()
    finally:
        with ending_signals_ignored():
            session.close()
            on_close()
            while event := session.next_event(0):
                screen.show(event)
            screen.end()
