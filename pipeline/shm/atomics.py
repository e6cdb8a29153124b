"""Ordered 64-bit words in shared memory.

A plain numpy store may become visible before the payload it announces: never on x86, often enough
on ARM (Apple silicon). `atomicshm` compiles to the processor's own acquire and release
instructions. This module is its only user, and offers the two accesses that a single-writer
protocol needs and nothing else: no compare-and-swap, because no word has two writers.
"""

from atomicshm import ACQUIRE, RELAXED, RELEASE, AtomicU64, AtomicView

WORD_BYTES = 8
SEPARATION_BYTES = 128
"""Distance between words of different writers: two cache lines, as adjacent lines are fetched in
pairs on x86 and Apple silicon's line is 128 bytes."""


class Word:
    """One unsigned 64-bit word, written by exactly one process."""

    __slots__ = ("_cell",)

    def __init__(self, cell: AtomicU64) -> None:
        self._cell = cell

    def load(self) -> int:
        """Acquire: whatever was written before the matching `store` is visible after this."""
        return self._cell.load(ACQUIRE)

    def store(self, value: int) -> None:
        """Release: whatever was written before this is visible to a `load` that sees `value`."""
        self._cell.store(value, RELEASE)

    def add(self, amount: int) -> None:
        """Grow a counter. For the word's one writer only: a load and a store, not one step."""
        self._cell.store(self._cell.load(RELAXED) + amount, RELEASE)


class Words:
    """Hands out words over a shared buffer. Close it before the buffer's owner unmaps it."""

    def __init__(self, buffer: memoryview) -> None:
        self._view = AtomicView(buffer)

    def at(self, offset_bytes: int) -> Word:
        """The word at `offset_bytes`, which must be a multiple of 8."""
        return Word(self._view.cell_u64(offset_bytes))

    def close(self) -> None:
        """Let go of the buffer; every word of this view raises ValueError from then on."""
        self._view.close()
