"""Ordered words over a buffer of this process."""

from typing import Any

import pytest
from atomicshm import ACQUIRE, RELAXED, RELEASE

from pipeline.shm.atomics import WORD_BYTES, Word, Words

LARGEST = 2**64 - 1


@pytest.mark.parametrize("value", [0, 1, 2**32, 2**63, LARGEST])
def test_a_word_holds_any_unsigned_64_bit_number(value: int) -> None:
    word = Words(memoryview(bytearray(WORD_BYTES))).at(0)
    word.store(value)
    assert word.load() == value


def test_a_word_lies_at_its_offset() -> None:
    memory = bytearray(4 * WORD_BYTES)
    Words(memoryview(memory)).at(2 * WORD_BYTES).store(LARGEST)
    assert memory == bytes(16) + b"\xff" * 8 + bytes(8)


def test_words_over_the_same_memory_are_the_same() -> None:
    memory = bytearray(WORD_BYTES)
    one, other = (Words(memoryview(memory)).at(0) for _ in range(2))
    one.store(7)
    other.add(5)
    assert one.load() == 12


def test_a_number_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    word = Words(memoryview(bytearray(WORD_BYTES))).at(0)
    word.store(LARGEST)
    with pytest.raises(OverflowError):
        word.store(LARGEST + 1)
    with pytest.raises(OverflowError):
        word.add(1)
    assert word.load() == LARGEST


def test_a_word_lies_on_a_boundary_of_8_bytes_inside_the_buffer() -> None:
    words = Words(memoryview(bytearray(2 * WORD_BYTES)))
    with pytest.raises(ValueError, match="aligned"):
        words.at(4)
    for outside in (-WORD_BYTES, 2 * WORD_BYTES):
        with pytest.raises(IndexError):
            words.at(outside)


def test_closing_releases_the_buffer_and_every_word() -> None:
    memory = bytearray(WORD_BYTES)
    words = Words(memoryview(memory))
    word = words.at(0)
    with pytest.raises(BufferError):
        memory.clear()
    words.close()
    words.close()
    memory.clear()
    for access in (word.load, lambda: word.store(1), lambda: word.add(1)):
        with pytest.raises(ValueError, match="closed"):
            access()


class OrderedCell:
    """A fake AtomicU64 that records its accesses and their memory order."""

    def __init__(self) -> None:
        self.accesses: list[tuple[Any, ...]] = []

    def load(self, order: int) -> int:
        self.accesses.append(("load", order))
        return 3

    def store(self, value: int, order: int) -> None:
        self.accesses.append(("store", value, order))


def test_loads_acquire_and_stores_release() -> None:
    cell: Any = OrderedCell()
    word = Word(cell)
    word.load()
    word.store(5)
    word.add(2)
    assert cell.accesses == [
        ("load", ACQUIRE),
        ("store", 5, RELEASE),
        ("load", RELAXED),
        ("store", 5, RELEASE),
    ]
