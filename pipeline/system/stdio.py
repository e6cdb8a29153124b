"""What anything in a process writes to its standard streams, line by line instead of on a screen.

File descriptors are redirected, not Python's objects: native libraries and child programs write
past those.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

STDOUT_FD = 1
STDERR_FD = 2

_LINE_CHARACTERS = 4096
"""Longer lines come in pieces, so that memory stays bounded."""

_JOIN_S = 1.0
"""How long to wait for the last lines; a child program may hold a stream open for ever."""


@contextmanager
def lines_to(handle: Callable[[str], None], fds: Sequence[int]) -> Iterator[None]:
    """Hand every line that is not blank to `handle`, in a thread of its own, without its end."""
    read_fd, write_fd = os.pipe()
    originals = {fd: os.dup(fd) for fd in fds}
    for fd in fds:
        os.dup2(write_fd, fd)
    os.close(write_fd)
    reader = threading.Thread(target=_read, args=(read_fd, handle), name="output", daemon=True)
    reader.start()
    try:
        yield
    finally:
        for fd, original in originals.items():
            os.dup2(original, fd)  # with the pipe's last writer gone, the reader ends
            os.close(original)
        reader.join(_JOIN_S)


def _read(read_fd: int, handle: Callable[[str], None]) -> None:
    with open(read_fd, encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(_LINE_CHARACTERS):
            if text := line.rstrip():
                handle(text)
