"""The mode of the terminal while a panel is shown and keys are read, and its way back.

The terminal gives each key at once and shows none of them; Ctrl-C, Ctrl-Z and Ctrl-Backslash stay
signals. However the run ends or is suspended, the terminal is as it was before.

A terminal may take nothing any more: it is stopped (Ctrl-S), or its connection hangs. Then no write
to it returns, and what waits for one must not keep the program.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, Self

from pipeline.console.panel_file import in_foreground
from pipeline.system.signals import ending_signals_ignored
from pipeline.system.stdio import STDIN_FD, STDOUT_FD

BLOCKED_S = 1.0
"""How long a signal waits for the terminal to take what is written to it."""

END_S = 3.0
"""The same for all that is written after the conversation has ended."""


class TerminalMode:
    """A context manager: the mode of the terminal while keys are read and a panel is shown.

    :param enter: called after each change to the mode, also when the program goes on after Ctrl-Z.
    :param leave: called before each change back.
    :param writing: whether something is being written to the terminal: a Ctrl-Z that strikes then
        cannot write as well, and waits until `look`.
    """

    def __init__(
        self,
        enter: Callable[[], None],
        leave: Callable[[], None],
        writing: Callable[[], bool],
        *,
        keys: bool,
    ) -> None:
        self._enter = enter
        self._leave = leave
        self._writing = writing
        self._keys = _KeysAtOnce() if keys and sys.platform != "win32" else None
        self._stop_waits = False
        self._alarm = ExitStack()
        self._ends = False
        self._stack = ExitStack()
        self._entered = False

    def __enter__(self) -> Self:
        try:
            self.look()
            self._stack.enter_context(_handled("SIGTSTP", self._stop))
            self._stack.enter_context(_handled("SIGCONT", self.look))
        except BaseException:  # Ctrl-C, for example: no caller would call __exit__
            with ending_signals_ignored():
                self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()
        self._leave_mode()
        self._alarm.close()

    def end_soon(self) -> None:
        """The conversation is over: end the program as if its terminal had gone if that blocks."""

        def give_up() -> None:
            self._restore_keys()
            os._exit(_HUNG_UP)

        self._ends = True
        self._limit(END_S, give_up)

    def look(self) -> None:
        """Enter the mode if it is not entered and this program has the terminal (again).

        Call this a few times a second: no signal tells that a program that runs in the background
        has come to the foreground. A Ctrl-Z that has waited stops the program before.
        """
        if self._writing():
            return
        waits, self._stop_waits = self._stop_waits, False
        if waits:
            self._stop()
        if not in_foreground(STDOUT_FD):
            return
        if self._keys is not None:
            self._keys.take()  # again, if a hung terminal was left without a word
        if not self._entered:
            self._entered = True
            self._enter()

    def _leave_mode(self) -> None:
        entered, self._entered = self._entered, False
        try:
            if entered:
                self._leave()
        finally:
            self._restore_keys()  # taken before the mode is entered

    def _restore_keys(self) -> None:
        if self._keys is not None:
            self._keys.restore()

    def _limit(self, seconds: float, overdue: Callable[[], object]) -> None:
        """Call `overdue` after `seconds`, unless `_alarm` is closed before."""
        self._alarm.close()
        if sys.platform != "win32":
            self._alarm.enter_context(_handled("SIGALRM", overdue))
            self._alarm.callback(signal.setitimer, signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _stop(self) -> None:
        """Let Ctrl-Z do what it does in any program."""
        done = False

        def blocked() -> None:
            nonlocal done
            done = True
            self._stop_waits = False
            self._restore_keys()
            self._stop_process()

        self._limit(BLOCKED_S, blocked)
        if self._writing():
            self._stop_waits = True
            return
        self._leave_mode()
        if not done:
            self._stop_process()
        self.look()

    def _stop_process(self) -> None:
        self._alarm.close()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)
        if self._ends:
            self.end_soon()


_HUNG_UP = 129
"""Exit code of a program whose terminal has gone: 128 + SIGHUP."""


class _KeysAtOnce:
    """Lets the terminal give each key at once, and undoes that."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None  # None: it is as it was

    def take(self) -> None:
        import termios
        import tty

        if self._before is None:
            with suppress(termios.error):  # the terminal has gone
                # Kept before the change: Ctrl-C may come between any two statements.
                self._before = termios.tcgetattr(STDIN_FD)
                tty.setcbreak(STDIN_FD, termios.TCSANOW)

    def restore(self) -> None:
        import termios

        before, self._before = self._before, None
        if before is not None:
            with suppress(termios.error):  # the terminal has gone
                # Not after what waits to be written: a stopped terminal never takes it.
                termios.tcsetattr(STDIN_FD, termios.TCSANOW, before)


@contextmanager
def _handled(name: str, handle: Callable[[], object]) -> Iterator[None]:
    """Call `handle` when the signal comes, unless the system has none or it is ignored."""
    number = getattr(signal, name, None)
    if number is None or signal.getsignal(number) is signal.SIG_IGN:
        yield
        return

    def handler(_number: int, _frame: FrameType | None) -> None:
        handle()

    before = signal.getsignal(number)
    try:
        signal.signal(number, handler)
        yield
    finally:
        signal.signal(number, before)
