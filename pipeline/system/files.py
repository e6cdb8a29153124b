"""What a path names, files replaced as a whole, and locks that end with their process."""

import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple, Self

OPEN_BINARY = getattr(os, "O_BINARY", 0)
"""Flag of ``os.open``; only Windows has another mode."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(path: Path) -> str | None:
    """Name what `path` is if it exists and is not an ordinary file, such as "a folder".

    Opens nothing: opening a named pipe would wait for its other end.

    :raises OSError: the path cannot be looked up.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        return None
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "not an ordinary file")


def replace_text(path: Path, text: str) -> None:
    """Replace a file as a whole, so that a kill leaves the one from before.

    :raises OSError: it cannot be written; the file from before stays.
    """
    new = path.with_name(f".{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | OPEN_BINARY, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(text.encode())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


class FileId(NamedTuple):
    """Identity of a file, whatever its names. A file that is open keeps it to itself."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Return the identity of the file at `path`; None if there is none."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return cls(found.st_dev, found.st_ino)

    @classmethod
    def of_open(cls, descriptor: int) -> Self:
        found = os.fstat(descriptor)
        return cls(found.st_dev, found.st_ino)


def try_lock(descriptor: int) -> bool:
    """Lock an open file until its descriptor is closed; False if another process has locked it.

    Where the file system has no locks, everything counts as locked by this process.
    """
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
    return True
