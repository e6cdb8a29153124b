"""The terminal that keys are read from."""

import codecs
import locale
import os
import sys

from blessed import Terminal

from pipeline.system.stdio import STDIN_FD


class KeySource(Terminal):
    """Reads keys as `Terminal` does; a byte that is no text becomes a replacement character."""

    def __init__(self) -> None:
        super().__init__(force_styling=None)  # asks the terminal nothing
        encoding = locale.getpreferredencoding(do_setlocale=False)
        self._text = codecs.getincrementaldecoder(encoding)(errors="replace")

    def getch(self, decode_latin1: bool = False) -> str:
        """Read a byte; the Windows console gives characters instead.

        :raises EOFError: the terminal has gone.
        """
        if decode_latin1 or sys.platform == "win32":
            return super().getch(decode_latin1)
        byte = os.read(STDIN_FD, 1)
        if not byte:
            raise EOFError
        return self._text.decode(byte)
