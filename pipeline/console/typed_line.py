"""The line in which a person types a turn; blessed edits it."""

from typing import NamedTuple

from blessed.line_editor import DEFAULT_KEYMAP, LineEditor, LineHistory

from pipeline.console.keyboard import Key
from pipeline.console.panel import Line, Piece

_PROMPT = "> "
_LONGEST = 4_000


class Shown(NamedTuple):
    """The line on the screen."""

    line: Line
    cursor: int
    """Column of the cursor."""


class TypedLine:
    """One line. `take` returns the text when it is complete, "" if it was given up, else None."""

    def __init__(self, history: LineHistory) -> None:
        # Without suggestions, the right arrow only moves.
        keymap = {"KEY_RIGHT": DEFAULT_KEYMAP["KEY_CTRL_F"]}
        self._editor = LineEditor(history, limit=_LONGEST, limit_bell="", keymap={**keymap})

    def take(self, key: Key) -> str | None:
        """Take a key. Line ends inside of pasted text become blanks."""
        if key.stroke.name == "KEY_ESCAPE":
            return ""
        if key.stroke.name == "KEY_ENTER" and key.more:
            self._editor.feed_key(" ")
            return None
        result = self._editor.feed_key(key.stroke)
        return "" if result.eof else result.line

    def shown(self, width: int, *, ascii_only: bool) -> Shown:
        """Return the part of the line around the cursor that fits into `width` cells."""
        editor = self._editor
        editor.max_width = max(1, width - len(_PROMPT) - 1)
        editor.ellipsis = mark = "~" if ascii_only else "…"
        state = editor.display
        left, right = mark * state.overflow_left, mark * state.overflow_right
        line = (Piece(_PROMPT), Piece(f"{left}{state.text}{right}", "bold"))
        return Shown(line, len(_PROMPT) + state.cursor)
