"""Keys of a terminal, read by a thread while the conversation goes on.

`blessed` understands the keys. Importing it takes as long as a quarter of the start, so it waits
for the first key or for the end of the start; the terminal keeps what is typed meanwhile.
"""

import os
import re
import select
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Self

from pipeline.console.panel_file import in_foreground
from pipeline.system.stdio import STDIN_FD

if TYPE_CHECKING:
    from blessed import Terminal
    from blessed.keyboard import Keystroke

POLL_S = 0.1
"""How often is looked where nothing wakes the thread."""

_JOIN_S = 2.0

CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"
_CONTROLS = {"KEY_CTRL_C": CTRL_C, "KEY_CTRL_Z": CTRL_Z, "KEY_CTRL_BACKSLASH": CTRL_BACKSLASH}
"""Keys that are signals, unless the terminal tells them as sequences."""

_LATIN_LETTER = re.compile("KEY_(?:SHIFT_)?([A-Z])")
_COMMANDS = 2 | 4 | 8  # Alt, Ctrl, Super: what is pressed with them is another key


class Key(NamedTuple):
    """A key as it was pressed, or released where the terminal tells that."""

    text: str
    """The character that it writes, in lower case; empty for others. In the place of a letter that
    is not Latin the one on the same key of a Latin keyboard, where the terminal tells it."""
    released: bool
    told_apart: bool
    """Whether the terminal tells when it is released."""
    more: bool
    """Whether another key came at the same moment, as in pasted text."""
    stroke: "Keystroke"


class Keyboard:
    """A context manager: reads keys from standard input between its beginning and its end.

    :param on_key: called with each key, in the thread.
    :param on_failure: called with what `on_key` or the terminal raised; no more keys are read.
    :param started: whether the start of the program is over.
    """

    def __init__(
        self,
        on_key: Callable[[Key], None],
        on_failure: Callable[[BaseException], None],
        started: Callable[[], bool],
    ) -> None:
        self._on_key = on_key
        self._on_failure = on_failure
        self._started = started
        self._ended = threading.Event()
        self._end_read, self._end_written = os.pipe()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        os.write(self._end_written, b"\0")
        self._thread.join(_JOIN_S)
        if not self._thread.is_alive():
            os.close(self._end_read)
            os.close(self._end_written)

    def _run(self) -> None:
        try:
            self._wait_needed()
            if self._ended.is_set():
                return
            from pipeline.console.key_source import KeySource

            terminal = KeySource()
            with terminal.cbreak() if sys.platform == "win32" else ExitStack():
                self._read(terminal)
        except (EOFError, OSError):
            pass  # the terminal has gone
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._on_failure(error)

    def _wait_needed(self) -> None:
        while sys.platform != "win32" and not (self._ended.is_set() or self._started()):
            if select.select([STDIN_FD, self._end_read], [], [], POLL_S)[0]:
                return

    def _read(self, terminal: "Terminal") -> None:
        while not self._ended.is_set():
            if sys.platform != "win32":
                select.select([STDIN_FD, self._end_read], [], [])
            # A program in the background that reads from its terminal is stopped.
            if not in_foreground(STDIN_FD):
                self._ended.wait(POLL_S)
            elif terminal.kbhit(timeout=POLL_S if sys.platform == "win32" else 0):
                stroke = terminal.inkey(timeout=0)
                while stroke:
                    following = terminal.inkey(timeout=0)
                    self._on_key(key_of(stroke, more=bool(following)))
                    stroke = following


def key_of(stroke: "Keystroke", *, more: bool) -> Key:
    told_apart = stroke.uses_keyboard_protocol
    if told_apart:
        plain = stroke.modifiers_bits & _COMMANDS == 0
        text = (stroke.text or stroke.value) if plain and len(stroke.value) == 1 else ""
        if not text.isascii() and (latin := _LATIN_LETTER.fullmatch(stroke.name or "")):
            text = latin[1]
    else:
        text = "" if stroke.name else str(stroke)
    if stroke.released:
        text = text or (" " if stroke.name == "KEY_SPACE_RELEASED" else "")
    text = _CONTROLS.get(stroke.name or "", text)
    return Key(text.lower(), stroke.released, told_apart, more, stroke)
