"""The mode of the terminal: entered and left in pairs, whatever comes between."""

import os
import signal
import sys

import pytest

from pipeline.console.terminal_mode import TerminalMode

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)

NUMBERS = (signal.SIGTSTP, signal.SIGQUIT, signal.SIGCONT)


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
