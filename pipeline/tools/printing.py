"""What tools print: reported as lines, never on a person's screen as it comes."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from pipeline.ipc.reports import Report, ToolPrinted
from pipeline.system.stdio import STDERR_FD, STDOUT_FD, lines_to


class LineReporter:
    """Reports lines up to a rate, so that a flood of them cannot crowd out the calls' answers."""

    LINES_PER_S = 1_000

    def __init__(
        self, report: Callable[[Report], None], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._now_s = now_s
        self._second = 0
        self._lines = 0

    def __call__(self, line: str) -> None:
        second = int(self._now_s())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= self.LINES_PER_S:
            self._report(ToolPrinted(line))
        elif self._lines == self.LINES_PER_S + 1:
            self._report(
                ToolPrinted(f"(more than {self.LINES_PER_S:,} lines a second are not shown)")
            )


def prints_reported(report: Callable[[Report], None]) -> AbstractContextManager[None]:
    """Report what anything here, child programs too, writes to standard output and error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    return lines_to(LineReporter(report), (STDOUT_FD, STDERR_FD))
