"""Processes that compute without pause beside a test, like a compiler."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.program import GENEROUS_S


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep each processor busy."""
    endless = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(endless) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait(GENEROUS_S)
