"""A terminal with a panel: where lines, words and the panel stand on an emulated screen."""

import io
import os
from collections.abc import Sequence

import pyte
import pytest

from pipeline.console.panel_file import PanelFile, PanelLine

SHOW_CURSOR = "\x1b[?25h"


class Terminal(io.StringIO):
    """A terminal that pyte emulates, with a scrollback."""

    encoding = "utf-8"

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__()
        self.screen = pyte.HistoryScreen(columns, lines, history=1_000)
        self.screen.set_mode(pyte.modes.LNM)  # as a terminal's driver does with line ends
        self._stream = pyte.Stream(self.screen)

    def write(self, text: str) -> int:
        self._stream.feed(text)
        return super().write(text)

    def fileno(self) -> int:
        return -1

    @property
    def lines(self) -> list[str]:
        """All lines, those of the scrollback first."""
        above = [self._text(row) for row in self.screen.history.top]
        return [line.rstrip() for line in (*above, *self.screen.display)]

    def _text(self, row: dict[int, "pyte.screens.Char"]) -> str:
        return "".join(row[column].data for column in range(self.screen.columns))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal(20, 6)
    monkeypatch.setattr(
        "os.get_terminal_size", lambda _fd=0: os.terminal_size((terminal.screen.columns, 6))
    )
    monkeypatch.setattr("pipeline.console.panel_file.in_foreground", lambda _fd: True)
    return terminal


def panel(*texts: str) -> Sequence[PanelLine]:
    return [PanelLine(text, len(text)) for text in texts]


def panel_file(terminal: Terminal) -> PanelFile:
    file = PanelFile(terminal)
    file.begin_panels()
    return file


def put(file: PanelFile, text: str) -> None:
    file.write(text)
    file.flush()


def test_lines_stand_above_the_panel_and_scroll_away(terminal: Terminal) -> None:
    file = panel_file(terminal)
    file.show_panel(panel("state", "facts"))
    for number in range(20):
        put(file, f"line {number}\n")
    assert terminal.lines == [*(f"line {number}" for number in range(20)), "state", "facts"]
    assert terminal.screen.cursor.hidden


def test_an_open_line_goes_on_where_it_stands(terminal: Terminal) -> None:
    file = panel_file(terminal)
    put(file, "You: what?\n")
    file.show_panel(panel("state"))
    for word in ("It", " is", " \x1b[1mnoon\x1b[0m", "."):
        put(file, word)
        file.show_panel(panel(f"state {word.strip()}"[:10]))
    put(file, "\nReady\n")
    assert [line for line in terminal.lines if line] == [
        "You: what?",
        "It is noon.",
        "Ready",
        "state .",
    ]


def test_an_open_line_that_fills_its_row_is_not_overwritten(terminal: Terminal) -> None:
    file = panel_file(terminal)
    file.show_panel(panel("state"))
    put(file, "x" * 20)
    put(file, "\nnext\n")
    assert terminal.lines[:3] == ["x" * 20, "next", "state"]


def test_a_smaller_panel_leaves_nothing_of_the_larger_one(terminal: Terminal) -> None:
    file = panel_file(terminal)
    put(file, "word")
    file.show_panel(panel("one", "two", "three"))
    file.show_panel(panel("one"))
    assert terminal.lines == ["word", "one", "", "", "", ""]
    file.show_panel(())
    assert terminal.lines == ["word", "", "", "", "", ""]
    assert not terminal.screen.cursor.hidden
    assert (terminal.screen.cursor.x, terminal.screen.cursor.y) == (4, 0)


def test_the_cursor_is_shown_where_a_person_types(terminal: Terminal) -> None:
    file = panel_file(terminal)
    file.show_panel(panel("state", "> hello"), cursor=4)
    assert not terminal.screen.cursor.hidden
    assert (terminal.screen.cursor.x, terminal.screen.cursor.y) == (4, 1)
    put(file, "line\n")
    assert terminal.lines[:3] == ["line", "state", "> hello"]


def test_a_narrower_terminal_has_broken_the_panel(terminal: Terminal) -> None:
    file = panel_file(terminal)
    file.show_panel(panel("x" * 19, "y" * 15))
    terminal.screen.columns = 8
    before = len(terminal.getvalue())
    file.show_panel(())
    assert terminal.getvalue()[before:] == f"{SHOW_CURSOR}\r\x1b[4A\x1b[J"  # 3 and 2 rows


def test_another_program_has_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.console.panel_file.in_foreground", lambda _fd: False)
    file = panel_file(terminal)
    file.show_panel(panel("state"))
    put(file, "line\n")
    assert terminal.getvalue() == "line\n"


def test_only_lines_that_changed_are_written(terminal: Terminal) -> None:
    file = panel_file(terminal)
    put(file, "word")
    file.show_panel(panel("state", "cards", "facts"))
    before = len(terminal.getvalue())
    file.show_panel(panel("stat", "cards", "more facts"))
    assert "cards" not in terminal.getvalue()[before:]
    put(file, " next\n")
    assert terminal.lines[:4] == ["word next", "stat", "cards", "more facts"]


def test_no_panel_is_drawn_before_the_beginning_and_after_the_end(terminal: Terminal) -> None:
    file = PanelFile(terminal)
    file.show_panel(panel("state"))
    put(file, "one\n")
    assert terminal.getvalue() == "one\n"
    file.begin_panels()
    file.show_panel(panel("state"))
    assert terminal.lines[:2] == ["one", "state"]
    file.end_panels()
    file.show_panel(panel("state"))
    put(file, "two\n")
    assert terminal.lines[:3] == ["one", "two", ""]
    assert not terminal.screen.cursor.hidden


def test_a_write_is_noted_while_it_lasts(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = panel_file(terminal)
    noted = []
    monkeypatch.setattr(terminal, "flush", lambda: noted.append(file.writing))
    put(file, "line\n")
    file.show_panel(panel("state"))
    file.show_panel(panel("other"))
    file.control("\x1b[<u")
    assert noted == [True] * 4
    assert not file.writing
