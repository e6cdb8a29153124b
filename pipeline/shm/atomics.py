"""Ordered 64-bit words in shared memory.

A plain numpy store can become visible before the payload it announces: never on x86, but on ARM
(Apple silicon). `atomicshm` compiles to the processor's acquire and release instructions. This
module is its only user and offers only what a single-writer protocol needs: acquire loads and
release stores. A compare-and-swap is not needed, because each word has one writer.
"""

from collections.abc import Callable
from functools import partial

from atomicshm import ACQUIRE, RELAXED, RELEASE, AtomicU64, AtomicView

WORD_BYTES = 8
SEPARATION_BYTES = 128
"""Distance between words of different writers: two cache lines. x86 fetches adjacent lines in
pairs, and Apple silicon's line has 128 bytes."""


class Word:
    """One unsigned 64-bit word, written by exactly one process.

    :ivar load: loads with acquire: all writes before the matching `store` are visible after this.
    """

    __slots__ = ("_cell", "load")

    def __init__(self, cell: AtomicU64) -> None:
        self._cell = cell
        # No method: callbacks load words dozens of times in each period.
        self.load: Callable[[], int] = partial(cell.load, ACQUIRE)

    def store(self, value: int) -> None:
        """Store with release: a `load` that sees `value` also sees all writes before this."""
        self._cell.store(value, RELEASE)

    def add(self, amount: int) -> None:
        """Add to a counter. Only for the word's writer: this is a load and a store, not atomic."""
        self._cell.store(self._cell.load(RELAXED) + amount, RELEASE)


class Words:
    """The words of a shared buffer. Close it before the buffer's owner unmaps the memory."""

    def __init__(self, buffer: memoryview) -> None:
        self._view = AtomicView(buffer)

    def at(self, offset_bytes: int) -> Word:
        """Return the word at `offset_bytes`, a multiple of 8."""
        return Word(self._view.cell_u64(offset_bytes))

    def close(self) -> None:
        """Release the buffer; afterwards every word of it raises ValueError."""
        self._view.close()
