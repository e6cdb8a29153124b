"""Directs a process's standard output and standard error elsewhere."""

import io
import os
import sys

STDOUT_FD = 1
STDERR_FD = 2


def direct_output_to(fd: int) -> None:
    """Let all that this process and its child programs write go to `fd`, which is closed then.

    File descriptors are replaced, not Python's objects: native libraries and child programs write
    past those.
    """
    for stream in (sys.stdout, sys.stderr):  # before a file becomes a pipe below it
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    for stream_fd in (STDOUT_FD, STDERR_FD):
        os.dup2(fd, stream_fd)
    if fd not in (STDOUT_FD, STDERR_FD):
        os.close(fd)
