"""A terminal as a file: what is written becomes lines of the scrollback, above a panel.

    … conversation, scrolled by the terminal
    Assistant: words that come as they are h▯     an open line may wait for more
    speaking     mic ━━━───  speaker ━━━━━━━──    the panel
    …                                             the cursor stays behind its last cell

Each write takes the panel away, continues the open line, and draws the panel again, in one piece.
A terminal that was made narrower has broken the panel's lines in several rows; they are counted as
terminals break them.
"""

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from rich.cells import cell_len

_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


class PanelLine(NamedTuple):
    """A line as it is written, and the cells that it takes."""

    written: str
    cells: int


def in_foreground(fd: int) -> bool:
    """Whether this process may use its terminal: another program may have it at the moment."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True  # not this process's controlling terminal, or gone


class PanelFile(io.TextIOBase):
    """Writes to `terminal`. Nothing reaches it before `flush`, which each line is followed by.

    A panel is drawn between `begin_panels` and `end_panels`, unless another program has the
    terminal.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._waiting: list[str] = []
        self._column = 0  # of the open line
        self._panel: Sequence[PanelLine] = ()
        self._cursor: int | None = None
        self._drawn: Sequence[PanelLine] = ()
        self._drawn_width = 0
        self._draws = False
        self.writing = False
        """Whether the terminal is written to: a signal's handler cannot write to it then."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has a plain attribute
        """The terminal's."""
        return self._terminal.encoding

    @property
    def size(self) -> os.terminal_size:
        """Columns and lines of the terminal."""
        try:
            return os.get_terminal_size(self._terminal.fileno())
        except OSError:
            return os.terminal_size((80, 24))

    def fileno(self) -> int:
        return self._terminal.fileno()

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text:
            self._waiting.append(text)
        return len(text)

    def flush(self) -> None:
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            self._emit(text)

    def show_panel(self, lines: Sequence[PanelLine], cursor: int | None = None) -> None:
        """Draw this panel in the place of the one before; none if there are no lines.

        :param cursor: column in the last line at which the cursor is shown; None: hidden.
        """
        same_place = (
            len(lines) == len(self._drawn) > 0
            and cursor is None is self._cursor
            and self._drawn_width == self.size.columns
            and in_foreground(self.fileno())
        )
        self._panel, self._cursor = lines, cursor
        if same_place:
            self._change_lines()
        else:
            self._emit("")

    def control(self, sequence: str) -> None:
        """Send a sequence that shows nothing."""
        self._put(sequence)

    def begin_panels(self) -> None:
        """Draw from now on. The terminal has shown other things: what was drawn is not erased."""
        self._drawn = ()
        self._column = 0
        self._draws = True

    def end_panels(self) -> None:
        """Take the panel away, and draw none from now on."""
        self.show_panel(())
        self._draws = False

    def _emit(self, text: str) -> None:
        erased = self._erase()
        self._column = _column_after(text, self._column)
        shown = self._draws and in_foreground(self.fileno())
        panel = self._draw() if shown else ""
        self._drawn = self._panel if shown else ()
        self._put(f"{erased}{text}{panel}")

    def _change_lines(self) -> None:
        """Write the lines of the panel that have changed over those that are drawn."""
        parts = []
        below = len(self._panel)
        for line, drawn in zip(self._panel, self._drawn, strict=True):
            below -= 1
            if line != drawn:
                up, down = (f"\x1b[{below}A", f"\x1b[{below}B") if below else ("", "")
                parts.append(f"\r{up}{line.written}\x1b[K{down}")
        self._drawn = self._panel
        self._put("".join(parts))

    def _put(self, text: str) -> None:
        self.writing = True
        try:
            self._terminal.write(text)
            self._terminal.flush()
        finally:
            self.writing = False

    def _erase(self) -> str:
        """Take the panel away; the cursor returns to the end of the open line."""
        if not self._drawn:
            return ""
        width = max(1, self.size.columns)
        rows = len(self._drawn)
        if width < self._drawn_width:
            rows = sum(max(1, -(-line.cells // width)) for line in self._drawn)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        erased = f"{_SHOW_CURSOR}\r{up}\x1b[J"
        if not self._column:
            return erased
        # After the erasing: a row that is full has the cursor on its last cell.
        right = self._column % width if self._column > width else self._column
        return f"{erased}\x1b[A\x1b[{right}C" if right else f"{erased}\x1b[A"

    def _draw(self) -> str:
        if not self._panel:
            return ""
        self._drawn_width = self.size.columns
        lines = "\n".join(line.written for line in self._panel)
        start = "\n" if self._column else ""
        if self._cursor is None:
            return f"{start}{_HIDE_CURSOR}{_NO_WRAP}{lines}{_WRAP}"
        right = f"\x1b[{self._cursor}C" if self._cursor else ""
        return f"{start}{_NO_WRAP}{lines}{_WRAP}\r{right}"


def _column_after(text: str, column: int) -> int:
    """Return where the cursor stands after `text`, if it stood at `column` before."""
    before, line_end, last = text.rpartition("\n")
    del before
    return (0 if line_end else column) + cell_len(_SEQUENCES.sub("", last))
