"""A process's standard streams: made safe to write to, or directed elsewhere."""

import codecs
import io
import os
import select
import sys
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.system.text import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN_FD = 0
STDOUT_FD = 1
STDERR_FD = 2

PATIENCE_S = 1.0
"""How long a reader may hold up a write, such as a terminal that Ctrl-S has stopped."""

_AT_ONCE_BYTES = getattr(select, "PIPE_BUF", None)
"""A pipe that can be written to takes this much without waiting; None on Windows: all at once."""

_PLAIN_CHARACTERS = {
    "\u2026": "...",
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014", "-"),
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
    **dict.fromkeys("\xa0\u202f", " "),
}
_PLAIN = "pipeline.plain"


def make_output_safe() -> None:
    """Let no write to standard output and standard error fail, whatever is written.

    A character that the stream cannot encode is written in plain characters or escaped. What a
    stream cannot take is dropped: it is closed, its disk is full, its reader has gone or has
    read nothing for `PATIENCE_S`. Standard error keeps no control characters. The streams are
    open from here on, so that no other file or socket takes their numbers.
    """
    codecs.register_error(_PLAIN, _plain)
    _open_closed()
    sys.stdout = _safe(sys.stdout, STDOUT_FD, io.TextIOWrapper)
    sys.stderr = _safe(sys.stderr, STDERR_FD, _PrintableText)


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


def _open_closed() -> None:
    for fd in (STDIN_FD, STDOUT_FD, STDERR_FD):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: `fd`
            os.set_inheritable(fd, True)


def _safe(stream: TextIO | None, fd: int, kind: type[io.TextIOWrapper]) -> TextIO:
    """Return a stream that writes where `stream` does; one that is not the system's is left."""
    if stream is None:  # Python found it closed
        file = _SafeFile(io.FileIO(fd, "wb", closefd=False))
        return kind(io.BufferedWriter(file), "utf-8", _PLAIN, line_buffering=True)
    if type(stream) is not io.TextIOWrapper:
        return stream
    raw: Any = getattr(stream.buffer, "raw", None)
    unbuffered = raw is None  # under `python -u`
    return kind(
        io.BufferedWriter(_SafeFile(raw or stream.buffer)),
        stream.encoding,
        _PLAIN,
        line_buffering=stream.line_buffering or unbuffered,
        write_through=stream.write_through,
    )


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unencodable = error.object[error.start : error.end]
    plain = (_PLAIN_CHARACTERS.get(c) or ascii(c)[1:-1] for c in unencodable)
    return "".join(plain), error.end


class _PrintableText(io.TextIOWrapper):
    def write(self, text: str) -> int:
        super().write(printable(text, keeps_lines=True))
        return len(text)


class _SafeFile(io.RawIOBase):
    """Takes every write; drops what `raw` cannot take."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._stalled = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: "ReadableBuffer") -> int:
        with memoryview(data) as view:
            part = view[:_AT_ONCE_BYTES]
            try:
                if self._wait_writable():
                    # None: another program has made it non-blocking, and it is full after all.
                    return self._raw.write(part) or len(part)
            except (OSError, ValueError):
                return len(view)
            return len(view)

    def _wait_writable(self) -> bool:
        """Wait until the next write does not; once it was in vain, only look."""
        if sys.platform == "win32":
            return True
        patience_s = 0.0 if self._stalled else PATIENCE_S
        _, writable, _ = select.select([], [self._raw], [], patience_s)
        self._stalled = not writable
        return bool(writable)
