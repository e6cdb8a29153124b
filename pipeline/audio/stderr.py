"""Keeps what native libraries print away from the person's screen.

PortAudio's host libraries (ALSA, JACK) write dozens of lines to file descriptor 2 whenever they
look for cards. They become log messages here, shown with --verbose.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.child import Supervised
from pipeline.reports import Log

_STDERR_FD = 2


@contextmanager
def stderr_reported(supervised: Supervised) -> Iterator[None]:
    """Report every line that anything in this process writes to standard error."""
    read_fd, write_fd = os.pipe()
    original_fd = os.dup(_STDERR_FD)
    os.dup2(write_fd, _STDERR_FD)
    os.close(write_fd)
    reader = threading.Thread(
        target=_report_lines, args=(read_fd, supervised), name="stderr", daemon=True
    )
    reader.start()
    try:
        yield
    finally:
        os.dup2(original_fd, _STDERR_FD)  # the pipe's last writer is gone: the reader ends
        os.close(original_fd)
        reader.join()


def _report_lines(read_fd: int, supervised: Supervised) -> None:
    with open(read_fd, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if text := line.strip():
                supervised.report(Log(logging.INFO, "stderr", text))
