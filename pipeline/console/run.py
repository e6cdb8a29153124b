"""The command `run`: a user of the library that shows events to a person, or to a program."""

from typing import Protocol

from pipeline.api.blocking import BlockingVoiceSession
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.console.json_lines import JsonLines
from pipeline.errors import SettingsError
from pipeline.ipc.reports import Event
from pipeline.system.signals import ending_signals_ignored, signals_end_the_run

REPEATS_S = 0.25
"""How often to look whether repeated notices are to be told."""


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


def run(settings: Settings, *, json_events: bool = False) -> int:
    """Hold a conversation until Ctrl-C, or until a recorded input has been answered.

    :param json_events: print each event as a line of JSON.
    :raises PipelineError: it could not start, or broke off.
    """
    if settings.marks_turns:
        raise SettingsError(
            "--turn-detection is none, expected a way to detect your turns: only a program that "
            "uses the library can mark them."
        )
    screen: Screen = (
        JsonLines()
        if json_events
        else Console(transcription=settings.transcription, verbose=settings.verbose)
    )
    with signals_end_the_run():
        try:
            with BlockingVoiceSession(settings) as session:
                _show_all(session, screen)
        except KeyboardInterrupt:
            screen.say("Goodbye.")
    return 0


def _show_all(session: BlockingVoiceSession, screen: Screen) -> None:
    """Show the events to the last, which tells where the recording is, whatever ends the run."""
    try:
        while not session.ended:
            if event := session.next_event(REPEATS_S):
                screen.show(event)
            screen.tell_repeats()
    finally:
        with ending_signals_ignored():
            session.close()
            while event := session.next_event(0):
                screen.show(event)
            screen.end()
