"""Life of a shared-memory segment: created and unlinked by one process, attached by others.

CPython chooses the name (macOS allows 31 characters). If the owner is killed, CPython's resource
tracker, which all spawned processes share, unlinks the segment.
"""

import sys
from multiprocessing.shared_memory import SharedMemory
from typing import Self

from pipeline.shm.atomics import Word, Words


class Segment:
    """Zeroed shared memory with ordered words. Use as a context manager."""

    def __init__(self, memory: SharedMemory, *, owner: bool) -> None:
        self._memory = memory
        self._owner = owner
        self._words = Words(self.buffer)

    @classmethod
    def create(cls, size_bytes: int) -> Self:
        """Create a segment, all zero. Its creator unlinks it."""
        return cls(SharedMemory(create=True, size=size_bytes), owner=True)

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
