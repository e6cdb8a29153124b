"""The shared state: where its words lie, and how a cut is published and read."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from itertools import combinations, count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shm.atomics import SEPARATION_BYTES, WORD_BYTES, Word
from pipeline.shm.state import CutReport, Position, SharedState

BLOCKS = ("supervisor", "capture", "network", "playback")
ITEMS = st.integers(0, 2**24 - 1)
SAMPLES = st.integers(0, 2**40 - 1)
WORDS = st.integers(0, 2**64 - 1)


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


def words(state: SharedState, block: str) -> dict[str, Word]:
    owner = getattr(state, block)
    return {f"{block}.{field.name}": getattr(owner, field.name) for field in fields(owner)}


def all_words(state: SharedState) -> dict[str, Word]:
    return {name: word for block in BLOCKS for name, word in words(state, block).items()}


def offset_bytes(word: Word) -> int:
    cell: Any = word._cell
    return int(cell.offset)


def test_every_word_of_new_state_is_0(state: SharedState) -> None:
    assert {word.load() for word in all_words(state).values()} == {0}
    assert state.latest_cut() == CutReport(0, Position(0, 0), 0, 0)


def test_words_are_independent_and_seen_by_every_attached_process(
    state: SharedState,
) -> None:
    numbers = count(1)
    expected = {name: next(numbers) for name in all_words(state)}
    for name, word in all_words(state).items():
        word.store(expected[name])
    with SharedState.attach(state.name) as attached:
        assert {name: word.load() for name, word in all_words(attached).items()} == expected


def test_no_two_words_overlap(state: SharedState) -> None:
    offsets = sorted(map(offset_bytes, all_words(state).values()))
    assert all(after - before >= WORD_BYTES for before, after in pairwise(offsets))


@pytest.mark.parametrize(("one", "other"), list(combinations(BLOCKS, 2)))
def test_words_of_different_writers_lie_128_bytes_apart(
    state: SharedState, one: str, other: str
) -> None:
    distances = {
        abs(offset_bytes(mine) - offset_bytes(theirs))
        for mine in words(state, one).values()
        for theirs in words(state, other).values()
    }
    assert min(distances) >= SEPARATION_BYTES == 128


@given(item=ITEMS, samples=SAMPLES)
def test_a_position_survives_being_packed_in_one_word(item: int, samples: int) -> None:
    word = Position(item, samples).packed()
    assert 0 <= word < 2**64
    assert Position.unpacked(word) == Position(item, samples)


@given(word=WORDS)
def test_every_word_is_a_position(word: int) -> None:
    assert Position.unpacked(word).packed() == word


@given(one=st.tuples(ITEMS, SAMPLES), other=st.tuples(ITEMS, SAMPLES))
def test_packed_positions_compare_like_positions(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert (Position(*one).packed() < Position(*other).packed()) == (one < other)


@pytest.mark.parametrize(
    "cut",
    [
        CutReport(1, Position(1, 0), 0, 0),
        CutReport(2**64 - 1, Position(2**24 - 1, 2**40 - 1), 2**63 - 1, 2**64 - 1),
    ],
)
def test_a_cut_is_read_as_it_was_published(state: SharedState, cut: CutReport) -> None:
    with SharedState.attach(state.name) as attached:
        attached.publish_cut(cut)
    assert state.latest_cut() == cut


def test_the_latest_cut_replaces_the_one_before_it(state: SharedState) -> None:
    for generation in (1, 2, 7):
        cut = CutReport(generation, Position(generation, 5), 6, 7)
        state.publish_cut(cut)
        assert state.latest_cut() == cut


class HaltError(Exception):
    pass


@pytest.mark.parametrize("stored", range(1, 5))
def test_a_half_published_cut_is_not_read(
    state: SharedState, monkeypatch: pytest.MonkeyPatch, stored: int
) -> None:
    """Publishing is halted after each of its stores but the last."""
    old, new = CutReport(1, Position(1, 2), 3, 4), CutReport(2, Position(5, 6), 7, 8)
    state.publish_cut(old)
    left = iter(range(stored))
    store = Word.store

    def store_or_halt(word: Word, value: int) -> None:
        if next(left, None) is None:
            raise HaltError
        store(word, value)

    with monkeypatch.context() as patch:
        patch.setattr(Word, "store", store_or_halt)
        with pytest.raises(HaltError):
            state.publish_cut(new)
    assert state.latest_cut() is None
    state.publish_cut(new)
    assert state.latest_cut() == new


@pytest.mark.parametrize("loaded", range(1, 5))
def test_a_cut_published_between_two_loads_is_not_read_in_parts(
    state: SharedState, monkeypatch: pytest.MonkeyPatch, loaded: int
) -> None:
    old, new = CutReport(1, Position(1, 2), 3, 4), CutReport(2, Position(5, 6), 7, 8)
    state.publish_cut(old)
    loads = count()

    def publish_and_load(load: Callable[[], int]) -> int:
        if next(loads) == loaded:
            state.publish_cut(new)
        return load()

    with monkeypatch.context() as patch:
        for word in all_words(state).values():
            patch.setattr(word, "load", partial(publish_and_load, word.load))
        assert state.latest_cut() is None
    assert state.latest_cut() == new


def test_closed_state_is_gone(state: SharedState) -> None:
    state.close()
    with pytest.raises(FileNotFoundError):
        SharedState.attach(state.name)
    for word in all_words(state).values():
        with pytest.raises(ValueError, match="closed"):
            word.load()
    state.close()


def test_closing_attached_state_leaves_it_to_the_others(state: SharedState) -> None:
    SharedState.attach(state.name).close()
    state.network.generation.store(3)
    with SharedState.attach(state.name) as attached:
        assert attached.network.generation.load() == 3
