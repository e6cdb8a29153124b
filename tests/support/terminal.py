"""The program in a pseudo-terminal: its screen is emulated, its keys are pressed by the test."""

import fcntl
import os
import pty
import struct
import termios
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pyte

from tests.support.program import GENEROUS_S, Program

_FULL = 20
"""A terminal that refuses so many characters in 100 ms takes none."""


class TerminalProgram(Program):
    """`python -m pipeline` with a terminal as its standard streams.

    :param has_keys: whether standard input is the terminal, too.
    """

    def __init__(
        self,
        *arguments: object,
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
        has_keys: bool = True,
    ) -> None:
        self._keyboard, self._device = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._resize(columns, lines)
        self.attributes_before = self.attributes
        self._hung_up = False
        self._marks = 0
        self._reads = threading.Event()
        self._parked = threading.Event()
        self._reads.set()
        name = os.ttyname(self._device)
        # The first terminal that the leader of a session opens becomes its controlling one.
        streams = f"exec <>{name} >&0 2>&1" if has_keys else f"exec >{name} 2>&1"
        kinds = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(environment or {})}
        super().__init__(*arguments, cwd=cwd, environment=kinds, first=streams)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def attributes(self) -> list[Any]:
        """The terminal's mode."""
        return termios.tcgetattr(self._device)

    @property
    def out(self) -> str:
        """All lines, those of the scrollback first."""
        screen = self.screen
        above = ("".join(row[n].data for n in range(screen.columns)) for row in screen.history.top)
        return "\n".join(line.rstrip() for line in (*above, *screen.display)).rstrip()

    @property
    def panel(self) -> str:
        """The last three lines."""
        return "\n".join(self.out.splitlines()[-3:])

    def press(self, keys: str) -> None:
        os.write(self._keyboard, keys.encode())

    def wait_panel(self, *texts: str) -> None:
        """Wait until the last three lines hold all `texts`."""
        self.wait_until(lambda: all(text in self.panel for text in texts) or not self.running)
        assert all(text in self.panel for text in texts), self.said

    def wait_exit(self, timeout_s: float = GENEROUS_S) -> int:
        code = super().wait_exit(timeout_s)
        if self._reads.is_set() and not self._hung_up:
            self._reader_caught_up()
        return code

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        self._resize(columns, lines)

    def hang_up(self) -> None:
        """Close the terminal as its window does."""
        self._hung_up = True
        os.close(self._device)
        os.close(self._keyboard)

    def stop_reading(self) -> None:
        """Take nothing more of what is written, as a connection that hangs; it is full already."""
        self._reads.clear()
        device = os.open(os.ttyname(self._device), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            refused = 0  # in a row: the system moves what was written on, and has room again
            while refused < _FULL:
                has_room = self._has_room(device)
                refused = 0 if has_room or not self._parked.is_set() else refused + 1
                time.sleep(0 if has_room else 0.005)
        finally:
            os.close(device)

    @staticmethod
    def _has_room(device: int) -> bool:
        try:
            return os.write(device, b"\0") > 0
        except BlockingIOError:
            return False

    def read_again(self) -> None:
        self._reads.set()

    def check_restored(self) -> None:
        """Check that the ended program has left the terminal as it was."""
        self._reader_caught_up()
        assert self.attributes == self.attributes_before
        assert not self.screen.cursor.hidden

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.read_again()
        super().__exit__(*exc)
        if not self._hung_up:
            self.hang_up()
        self._reader.join(10)

    def _resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._device, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _reader_caught_up(self) -> None:
        """Wait until all that was written is on the emulated screen."""
        self._marks += 1
        mark = b"\x1b]2;end %d\x07" % self._marks
        os.write(self._device, mark)
        self.wait_until(lambda: mark in self.written)

    def _read(self) -> None:
        with suppress(OSError):  # hung up
            while part := os.read(self._keyboard, 65_536):
                self._stream.feed(part)
                self.written += part
                if not self._reads.is_set():
                    self._parked.set()
                    self._reads.wait()
