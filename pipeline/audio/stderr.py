"""Keeps what native libraries print away from the person's screen.

PortAudio's host libraries (ALSA, JACK) write dozens of lines to file descriptor 2 whenever they
look for cards. They become log messages here, shown with --verbose.
"""

import logging
from contextlib import AbstractContextManager

from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.reports import Log
from pipeline.system.stdio import STDERR_FD, lines_to


def stderr_reported(link: SupervisorLink) -> AbstractContextManager[None]:
    """Report every line that anything in this process writes to standard error."""

    def report(line: str) -> None:
        link.report(Log(logging.INFO, "stderr", line.strip()))

    return lines_to(report, (STDERR_FD,))
