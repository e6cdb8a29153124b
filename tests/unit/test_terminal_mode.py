"""The mode of the terminal: entered and left in pairs, whatever comes between."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NoReturn

import pytest

from pipeline.console import terminal_mode
from pipeline.console.terminal_mode import TerminalMode

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)

import pty
import termios
import tty

GENEROUS_S = 30.0
NUMBERS = (signal.SIGTSTP, signal.SIGCONT)


class Terminal:
    """Notes what is done to it, and whether this program may use it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.in_foreground = True
        self.written_to = False

    def enter(self) -> None:
        self.done.append("enter")

    def leave(self) -> None:
        self.done.append("leave")

    def writing(self) -> bool:
        return self.written_to


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(
        "pipeline.console.terminal_mode.in_foreground", lambda _fd: terminal.in_foreground
    )
    return terminal


def test_an_interruption_of_the_beginning_leaves_the_mode(terminal: Terminal) -> None:
    def enter() -> None:
        terminal.enter()
        raise KeyboardInterrupt

    before = [signal.getsignal(number) for number in NUMBERS]
    with pytest.raises(KeyboardInterrupt):
        TerminalMode(enter, terminal.leave, terminal.writing, keys=False).__enter__()
    assert terminal.done == ["enter", "leave"]
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_the_mode_is_entered_when_the_program_comes_to_the_foreground(terminal: Terminal) -> None:
    terminal.in_foreground = False
    with TerminalMode(terminal.enter, terminal.leave, terminal.writing, keys=False) as mode:
        mode.look()
        assert terminal.done == []
        terminal.in_foreground = True
        mode.look()
        mode.look()
        assert terminal.done == ["enter"]
    assert terminal.done == ["enter", "leave"]


def test_a_signal_waits_for_what_is_being_written(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "raise_signal", lambda number: terminal.done.append(str(number)))
    stopped = str(int(signal.SIGTSTP))
    with TerminalMode(terminal.enter, terminal.leave, terminal.writing, keys=False) as mode:
        terminal.written_to = True
        os.kill(os.getpid(), signal.SIGTSTP)
        mode.look()
        assert terminal.done == ["enter"]
        terminal.written_to = False
        mode.look()
        mode.look()
        assert terminal.done == ["enter", "leave", stopped, "enter"]


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether keys came at once at each signal that was let through."""
    stops: list[bool] = []
    monkeypatch.setattr(signal, "raise_signal", lambda _number: stops.append(keys_at_once()))
    return stops


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    controller, terminal = pty.openpty()
    monkeypatch.setattr("pipeline.console.terminal_mode.STDIN_FD", terminal)
    yield
    os.close(terminal)
    os.close(controller)


def keys_at_once() -> bool:
    return not termios.tcgetattr(vars(terminal_mode)["STDIN_FD"])[3] & termios.ICANON


def await_signals(condition: Callable[[], object]) -> None:
    """Wait until handlers have made `condition` true."""
    deadline_s = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


@pytest.mark.usefixtures("keyboard")
def test_keys_come_at_once_again_after_a_stop_in_a_hung_terminal(
    terminal: Terminal, stops: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.console.terminal_mode.BLOCKED_S", GENEROUS_S)
    with TerminalMode(terminal.enter, terminal.leave, terminal.writing, keys=True) as mode:
        terminal.written_to = True
        os.kill(os.getpid(), signal.SIGTSTP)
        await_signals(lambda: signal.getitimer(signal.ITIMER_REAL)[0])
        assert keys_at_once()
        assert stops == []
        os.kill(os.getpid(), signal.SIGALRM)
        await_signals(lambda: stops)
        assert stops == [False]
        terminal.written_to = False
        mode.look()
        assert keys_at_once()
    assert not keys_at_once()
    assert terminal.done == ["enter", "leave"]


@pytest.mark.usefixtures("keyboard")
def test_a_terminal_that_hangs_while_the_mode_is_left_stops_the_program_once(
    terminal: Terminal, stops: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave() -> None:
        terminal.leave()
        if not stops:
            await_signals(lambda: stops)

    monkeypatch.setattr("pipeline.console.terminal_mode.BLOCKED_S", 0.01)
    with TerminalMode(terminal.enter, leave, terminal.writing, keys=True):
        os.kill(os.getpid(), signal.SIGTSTP)
        assert stops == [False]
        assert keys_at_once()
        assert terminal.done == ["enter", "leave", "enter"]


@pytest.mark.usefixtures("keyboard")
def test_an_interruption_of_the_beginning_gives_the_keys_back(terminal: Terminal) -> None:
    def enter() -> None:
        assert keys_at_once()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TerminalMode(enter, terminal.leave, terminal.writing, keys=True).__enter__()
    assert not keys_at_once()
    assert terminal.done == ["leave"]


@pytest.mark.usefixtures("keyboard")
def test_an_interruption_before_the_mode_is_entered_gives_the_keys_back(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    setcbreak = tty.setcbreak

    def interrupted(descriptor: int, when: int) -> NoReturn:
        setcbreak(descriptor, when)
        assert keys_at_once()
        raise KeyboardInterrupt

    monkeypatch.setattr(tty, "setcbreak", interrupted)
    with pytest.raises(KeyboardInterrupt):
        TerminalMode(terminal.enter, terminal.leave, terminal.writing, keys=True).__enter__()
    assert not keys_at_once()
    assert terminal.done == []


def test_a_terminal_that_has_gone_gives_no_keys_and_ends_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, keyboard = pty.openpty()
    monkeypatch.setattr("pipeline.console.terminal_mode.STDIN_FD", keyboard)
    os.close(controller)
    with closing(os.fdopen(keyboard)):
        with pytest.raises(termios.error):
            termios.tcgetattr(keyboard)
        with TerminalMode(terminal.enter, terminal.leave, terminal.writing, keys=True) as mode:
            mode.look()
    assert terminal.done == ["enter", "leave"]


class Ended(BaseException):
    """In the place of the end of the process."""


@pytest.mark.usefixtures("keyboard", "stops")
@pytest.mark.parametrize("stopped", [False, True])
def test_a_hung_terminal_ends_the_program_as_one_that_has_gone(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    def end(code: int) -> NoReturn:
        raise Ended(code, keys_at_once())

    monkeypatch.setattr("pipeline.console.terminal_mode.END_S", 0.01)
    monkeypatch.setattr(os, "_exit", end)
    with TerminalMode(terminal.enter, terminal.leave, terminal.writing, keys=True) as mode:
        with pytest.raises(Ended) as ended:  # noqa: PT012 - the alarm may come at any time
            mode.end_soon()
            if stopped:
                os.kill(os.getpid(), signal.SIGTSTP)
            await_signals(lambda: False)
        assert ended.value.args == (129, False)
