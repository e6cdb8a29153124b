"""The conversation on a terminal: its lines in the scrollback, a panel below them, and keys.

The main thread shows events, a thread reads the keys; a lock keeps them apart. A key never waits
for the service, and nothing here can delay the sound: it is one more user of the library.
"""

import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from rich.console import Console as RichConsole

from pipeline.api.blocking import BlockingVoiceSession
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.console.ink import Ink
from pipeline.console.key_commands import HINT, TALK_HINT, KeyCommands
from pipeline.console.keyboard import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Key, Keyboard
from pipeline.console.panel_drawing import PanelDrawing
from pipeline.console.panel_file import PanelFile
from pipeline.console.panel_model import PanelModel
from pipeline.console.terminal_mode import TerminalMode
from pipeline.errors import SessionError
from pipeline.ipc.events import Event, Interrupted, SessionReady
from pipeline.system.signals import ending_signals_ignored

if TYPE_CHECKING:
    from blessed.line_editor import LineHistory

    from pipeline.console.typed_line import TypedLine

REPORT_RELEASES, REPORT_AS_BEFORE = "\x1b[>31u", "\x1b[<u"
"""Kitty's keyboard protocol: each key, repeat and release comes as a sequence, with the text that
the key writes, and the Latin key in its place; undo that. Terminals that do not know it ignore
both."""

_SIGNALS = {CTRL_Z: "SIGTSTP", CTRL_BACKSLASH: "SIGQUIT"}
"""What the terminal sends to all processes that it runs, when these keys are not sequences."""

_OWN_GROUP = 0


class LiveScreen:
    """Shows a conversation; a context manager that leaves the terminal as it was.

    :param keys: whether keys are read.
    """

    def __init__(self, settings: Settings, *, keys: bool) -> None:
        self._settings = settings
        self._keys = keys
        self._lock = threading.RLock()
        self._file = PanelFile(sys.stdout)
        out = RichConsole(
            file=self._file,  # type: ignore[arg-type]  # all that rich uses of a file
            force_terminal=True,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._console = Console(
            transcription=settings.transcription, verbose=settings.verbose, out=out
        )
        talks = settings.marks_turns
        hint = TALK_HINT if talks else HINT
        self._model = PanelModel(marks_turns=talks, hint=hint if keys else "")
        self._drawing = PanelDrawing(self._file, Ink(out), self._model)
        self._session: BlockingVoiceSession | None = None
        self._commands: KeyCommands | None = None
        self._typed: TypedLine | None = None
        self._history: LineHistory | None = None
        self._failure: BaseException | None = None
        self._keyboard = ExitStack()
        self._mode = TerminalMode(
            self._enter_mode, self._leave_mode, lambda: self._file.writing, keys=keys
        )

    def __enter__(self) -> Self:
        self._mode.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        with ending_signals_ignored():
            try:
                self._keyboard.close()
            finally:
                self._mode.__exit__(*exc)

    def follow(self, session: BlockingVoiceSession) -> None:
        """Show the figures of a session that has begun, and let the keys steer it."""
        self._session = session
        if not self._keys:
            return
        settings = self._settings
        self._commands = KeyCommands(
            session,
            self._model,
            marks_turns=settings.marks_turns,
            records=settings.record is not None,
            tell=self._console.say,
            type_line=self._type_line,
            end_run=_interrupt_main,
            now_s=time.monotonic,
        )
        keyboard = Keyboard(self.take_key, self._on_failure, lambda: self._model.opened)
        self._keyboard.enter_context(keyboard)

    def show(self, event: Event) -> None:
        with self._lock:
            self._model.take(event)
            if isinstance(event, SessionReady | Interrupted):
                self._drawing.renew_figures()  # they change with it
            self._console.show(event)
            self._draw()

    def conversation_over(self) -> None:
        """All processes have ended; a terminal that takes nothing must not keep this one."""
        self._mode.end_soon()

    def say(self, sentence: str) -> None:
        with self._lock:
            self._console.say(sentence)

    def tell_repeats(self) -> None:
        """Tell what has been counted, and look at the figures; called a few times a second.

        :raises BaseException: the keys could not be read.
        """
        self._mode.look()
        with self._lock:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            self._console.tell_repeats()
            self._draw()

    def end(self) -> None:
        self._keyboard.close()
        with self._lock:
            self._console.end()

    def take_key(self, key: Key) -> None:
        with self._lock:
            if key.text == CTRL_C:
                _interrupt_main()
            elif (number := getattr(signal, _SIGNALS.get(key.text, ""), None)) is not None:
                os.kill(_OWN_GROUP, number)
            elif self._typed is not None:
                self._take_typed(self._typed, key)
            elif self._commands is not None:
                self._take_command(self._commands, key)
            self._drawing.hurry()
            self._draw()

    def _take_command(self, commands: KeyCommands, key: Key) -> None:
        with suppress(SessionError):  # the conversation has just ended
            if key.released:
                commands.release(key.text)
            elif not key.stroke.repeated:
                commands.press(key.text, held=key.told_apart)

    def _take_typed(self, typed: "TypedLine", key: Key) -> None:
        text = typed.take(key)
        if text is None or self._commands is None:
            return
        self._typed = None
        self._report_releases(wanted=True)
        with suppress(SessionError):  # as above
            self._commands.say(text)

    def _type_line(self) -> None:
        from blessed.line_editor import LineHistory

        from pipeline.console.typed_line import TypedLine

        self._history = self._history or LineHistory()
        self._typed = TypedLine(self._history)
        self._report_releases(wanted=False)

    def _on_failure(self, error: BaseException) -> None:
        self._failure = error

    def _enter_mode(self) -> None:
        with self._lock:
            self._file.begin_panels()
            if self._typed is None:
                self._report_releases(wanted=True)
            self._drawing.forget()

    def _leave_mode(self) -> None:
        with self._lock:
            if self._typed is None:
                self._report_releases(wanted=False)
            self._file.end_panels()

    def _report_releases(self, *, wanted: bool) -> None:
        """Let the terminal tell when space is released; not while the person types."""
        if self._keys and self._settings.marks_turns:
            self._file.control(REPORT_RELEASES if wanted else REPORT_AS_BEFORE)

    def _draw(self) -> None:
        if self._session is not None:
            self._drawing.draw(self._session, self._typed)


def _interrupt_main() -> None:
    """Do what Ctrl-C does."""
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
        return
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGINT)
