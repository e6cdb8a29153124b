"""Life of a shared-memory segment: created and unlinked by one process, attached by others.

CPython chooses the name (macOS allows 31 characters). If the owner is killed, CPython's resource
tracker, which all spawned processes share, unlinks the segment.
"""

import errno
import os
import sys
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Self

from pipeline.errors import ResourceError
from pipeline.shm.atomics import Word, Words

_ROOM = (
    "make sure that this user may write to /dev/shm and that 16 MB are free there; "
    "containers take --shm-size=64m"
)
_LARGER_FILES = "shared memory counts as a file: raise the limit to their size (`ulimit -f`)"


class Segment:
    """Zeroed shared memory with ordered words. Use as a context manager."""

    def __init__(self, memory: SharedMemory, *, owner: bool) -> None:
        self._memory = memory
        self._owner = owner
        self._words = Words(self.buffer)

    @classmethod
    def create(cls, size_bytes: int) -> Self:
        """Create a segment, all zero and reserved. Its creator unlinks it.

        :raises ResourceError: the system does not grant the memory.
        """
        try:
            memory = _CreatedMemory(size_bytes)
            _reserve(memory)
        except OSError as error:
            remedy = _LARGER_FILES if error.errno == errno.EFBIG else _ROOM
            raise ResourceError(
                f"Shared memory cannot be reserved ({error.strerror}): {remedy}."
            ) from error
        return cls(memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Attach to another process's segment.

        :raises FileNotFoundError: it is gone.
        """
        if sys.version_info >= (3, 13):
            return cls(SharedMemory(name, track=False), owner=False)
        return cls(SharedMemory(name), owner=False)

    @property
    def name(self) -> str:
        return self._memory.name

    @property
    def buffer(self) -> memoryview:
        """The whole segment.

        :raises ValueError: the segment is closed.
        """
        if self._memory.buf is None:
            raise ValueError("the segment is closed")
        return self._memory.buf

    def word(self, offset_bytes: int) -> Word:
        return self._words.at(offset_bytes)

    def close(self) -> None:
        """Unmap the memory, and unlink it if this process created it.

        Arrays over `buffer` must be gone.
        """
        self._words.close()
        self._memory.close()
        if self._owner:
            self._owner = False
            self._memory.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class InSegment:
    """What lies in a segment of its own: created by its owner, attached elsewhere by name."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment

    @classmethod
    def attach(cls, name: str) -> Self:
        """Attach to what another process created.

        :raises FileNotFoundError: it is gone.
        """
        return cls(Segment.attach(name))

    @property
    def name(self) -> str:
        return self._segment.name

    def close(self) -> None:
        """Unmap the memory, and unlink it if this process created it."""
        self._segment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _CreatedMemory(SharedMemory):
    """Shared memory that the resource tracker knows when it is unlinked.

    `SharedMemory` unlinks what the system refuses to enlarge or to map before it has registered
    it, and the tracker would show a KeyError.
    """

    _registered = False

    def __init__(self, size_bytes: int) -> None:
        super().__init__(create=True, size=size_bytes)
        self._registered = True

    def unlink(self) -> None:
        if not self._registered and sys.platform != "win32":
            resource_tracker.register(self._name, "shared_memory")  # type: ignore[attr-defined]
        super().unlink()


def _reserve(memory: SharedMemory) -> None:
    """Let the system set the memory aside, where it can.

    Otherwise a full /dev/shm would end a process by SIGBUS when it first writes to a page.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(memory._fd, 0, memory.size)  # type: ignore[attr-defined]  # noqa: SLF001
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):  # this file system cannot
            return
        memory.close()
        with suppress(OSError):
            memory.unlink()
        raise
