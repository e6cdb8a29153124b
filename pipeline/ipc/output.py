"""What a child writes to its standard streams: the supervisor reads it, line by line.

The child's own interpreter takes no part in it. A native library that writes more than a pipe holds
while it holds the interpreter waits for the supervisor's reader, and never for itself.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import reduction
from typing import Any

LINES_PER_S = 1_000
"""More are not shown: a flood must not crowd out everything else."""

_LINE_CHARACTERS = 4_096
"""Longer lines come in pieces, so that memory stays bounded."""


class LineLimit:
    """Passes lines on up to a rate, and says once a second if there are more."""

    def __init__(
        self, handle: Callable[[str], None], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._handle = handle
        self._now_s = now_s
        self._second = 0
        self._lines = 0

    def __call__(self, line: str) -> None:
        second = int(self._now_s())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= LINES_PER_S:
            self._handle(line)
        elif self._lines == LINES_PER_S + 1:
            self._handle(f"(more than {LINES_PER_S:,} lines a second are not shown)")


class InheritableFd:
    """A file descriptor that can be an argument of a spawned process, and is open there too."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (_offered(self.fd),)


class OutputReader:
    """A pipe for a child's standard streams, and the thread that reads it.

    :param handle: called in that thread with every line that is not blank, without its end.
    """

    def __init__(self, name: str, handle: Callable[[str], None]) -> None:
        read_fd, write_fd = os.pipe()
        self.write_end = InheritableFd(write_fd)
        self._thread = threading.Thread(
            target=_read, args=(read_fd, handle), name=f"{name} output", daemon=True
        )

    def start(self) -> None:
        """Begin to read, once the child has been given the write end."""
        os.close(self.write_end.fd)  # the pipe ends when its last writer has gone
        self._thread.start()

    def join(self, within_s: float) -> None:
        """Wait for the last line. A program that the child started may keep the pipe for ever."""
        self._thread.join(within_s)


def _read(read_fd: int, handle: Callable[[str], None]) -> None:
    with open(read_fd, encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(_LINE_CHARACTERS):
            if text := line.rstrip():
                handle(text)


if sys.platform == "win32":
    import _winapi
    import msvcrt

    def _offered(fd: int) -> reduction.DupHandle:
        return reduction.DupHandle(msvcrt.get_osfhandle(fd), _winapi.FILE_GENERIC_WRITE)

    def _received(handle: reduction.DupHandle) -> InheritableFd:
        return InheritableFd(msvcrt.open_osfhandle(handle.detach(), os.O_WRONLY))

else:

    def _offered(fd: int) -> Any:  # noqa: ANN401 - a private type of multiprocessing
        return reduction.DupFd(fd)

    def _received(wrapped: Any) -> InheritableFd:  # noqa: ANN401 - as above
        return InheritableFd(wrapped.detach())
