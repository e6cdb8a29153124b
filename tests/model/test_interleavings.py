"""All interleavings of the protocols in shared memory, on a memory without natural order.

The threads are recorded from the code. If an order or a step is taken away from them, the search
must find a fault: that proves that it can find one.
"""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from pipeline.shm.ring import RingReader
from pipeline.shm.state import CutReport, SharedState
from tests.model.explorer import Access, Exploration, Schedule, explore
from tests.model.recorder import (
    record_cut_reader,
    record_cut_writer,
    record_reader,
    record_writer,
    whole_cut,
)

INDICES = ("written", "read")
RINGS = [(1, 3), (1, 4), (2, 3), (2, 4)]
"""Capacity, and frames that pass through it."""
CUTS = 3
CUT_DATA = ("cut_heard", "cut_time_ns", "cut_discarded_frames")

Threads = tuple[list[Access], list[Access]]
"""The writer's and the reader's."""


def without_order(thread: list[Access], place: str) -> list[Access]:
    return [a._replace(ordered=False) if a.place == place else a for a in thread]


# The ring


def take_front(reader: RingReader, _newest: int) -> None:
    assert reader.front() is not None
    reader.advance()


def skip_to_newest(reader: RingReader, newest: int) -> None:
    reader.skip_older(newest)
    take_front(reader, newest)


def take_waiting(reader: RingReader, _newest: int) -> None:
    frames = reader.waiting()
    assert frames
    reader.advance(len(frames))


Take = Callable[[RingReader, int], None]
AHEAD_FRAMES: dict[Take, int] = {take_front: 1, skip_to_newest: 2, take_waiting: 2}


@cache
def ring_threads(capacity: int, frames: int, take: Take = take_front) -> Threads:
    """Every load of a payload expects what it found when nothing else ran."""
    ahead = min(capacity, AHEAD_FRAMES[take])
    return record_writer(capacity, frames), record_reader(capacity, frames, ahead, take)


def test_the_recorded_threads_follow_the_protocol_of_the_ring() -> None:
    def frame(number: int) -> Threads:
        slot, room = number - 1, number - 2
        return [
            Access("read", ordered=True, at_least=room),
            Access(f"samples[{slot}]", number),
            Access(f"header[{slot}]", number),
            Access("written", number, ordered=True),
        ], [
            Access("written", ordered=True, at_least=number),
            Access(f"header[{slot}]", expected=number),
            Access(f"samples[{slot}]", expected=number),
            Access("written", ordered=True, at_least=number),
            Access("read", number, ordered=True),
        ]

    writer, reader = ring_threads(2, 2)
    assert writer == frame(1)[0] + frame(2)[0]
    assert reader == frame(1)[1] + frame(2)[1]


@pytest.mark.parametrize("take", AHEAD_FRAMES)
@pytest.mark.parametrize(("capacity", "frames"), [*RINGS, (3, 5)])
def test_each_frame_arrives_once_whole_and_in_order(capacity: int, frames: int, take: Take) -> None:
    exploration = explore(*ring_threads(capacity, frames, take))
    assert exploration.fault is None
    assert not exploration.stuck
    assert len(exploration.outcomes) == 1


@pytest.mark.parametrize("place", INDICES)
@pytest.mark.parametrize("end", [0, 1], ids=["writer", "reader"])
@pytest.mark.parametrize("take", AHEAD_FRAMES)
@pytest.mark.parametrize(("capacity", "frames"), RINGS)
def test_every_order_is_needed(
    capacity: int, frames: int, take: Take, end: int, place: str
) -> None:
    threads = list(ring_threads(capacity, frames, take))
    threads[end] = without_order(threads[end], place)
    assert explore(*threads).fault


@pytest.mark.parametrize(("capacity", "frames"), RINGS)
def test_an_index_stored_before_its_payload_is_found(capacity: int, frames: int) -> None:
    writer, reader = ring_threads(capacity, frames)
    assert explore(_index_first(writer, "written"), reader).fault
    assert explore(writer, _index_first(reader, "read")).fault


def _index_first(thread: list[Access], index: str) -> list[Access]:
    """Within each frame, move the store of the index to just behind the first access."""
    stores = [n for n, access in enumerate(thread) if access.place == index and access.stored]
    starts = [0, *(n + 1 for n in stores[:-1])]
    moved: list[Access] = []
    for start, end in zip(starts, stores, strict=True):
        moved += [thread[start], thread[end], *thread[start + 1 : end]]
    return moved


@pytest.mark.parametrize(("capacity", "frames"), RINGS)
def test_one_frame_too_many_is_found(capacity: int, frames: int) -> None:
    writer, reader = ring_threads(capacity, frames)
    eager = [a if a.at_least is None else a._replace(at_least=a.at_least - 1) for a in writer]
    assert explore(eager, reader).fault


def test_a_flush_by_the_producer_tears_the_frame_in_the_readers_hands() -> None:
    writer, reader = ring_threads(1, 2)
    flushing = [*writer[:4], Access("read", 1, ordered=True), *writer[4:]]
    taking = [access._replace(expected=None) for access in reader]
    frames = {seen[1][1:3] for seen in explore(flushing, taking).outcomes}
    assert (1, 1) in frames
    assert (1, 2) in frames, "the old frame's header with the new frame's samples"


# The shared state's cut report


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


@cache
def cut_threads(looks: int) -> Threads:
    return record_cut_writer(CUTS), record_cut_reader(looks)


def cuts_seen(
    state: SharedState, exploration: Exploration, reader: list[Access]
) -> dict[tuple[CutReport | None, ...], Schedule]:
    """Return what `latest_cut` returns for the numbers that `reader` found."""
    per_look = len(cut_threads(1)[1])
    found: dict[tuple[CutReport | None, ...], Schedule] = {}
    for (_, seen), schedule in exploration.outcomes.items():
        cuts = []
        for start in range(0, len(reader), per_look):
            for access, value in zip(reader[start:][:per_look], seen[start:], strict=False):
                getattr(state.playback, access.place).store(value)
            cuts.append(state.latest_cut())
        found[tuple(cuts)] = schedule
    return found


def torn(
    cuts: dict[tuple[CutReport | None, ...], Schedule],
) -> dict[tuple[CutReport | None, ...], Schedule]:
    whole = [None, *(whole_cut(number) for number in range(CUTS + 1))]
    return {seen: how for seen, how in cuts.items() if any(cut not in whole for cut in seen)}


def test_the_recorded_threads_follow_the_protocol_of_the_cut_report() -> None:
    writer, reader = cut_threads(1)
    names = ["cut_begun", *CUT_DATA, "cut_generation"]
    stores = [Access(name, n, ordered=True) for n in range(1, CUTS + 1) for name in names]
    assert writer == stores
    names = ["cut_generation", *CUT_DATA, "cut_begun"]
    assert reader == [Access(name, ordered=True) for name in names]


def test_a_cut_is_seen_whole_or_not_at_all_and_never_an_older_one_again(state: SharedState) -> None:
    writer, reader = cut_threads(2)
    exploration = explore(writer, reader)
    seen = cuts_seen(state, exploration, reader)
    assert not torn(seen)
    for first, second in seen:
        assert first is None or second is None or first.generation <= second.generation
    assert {first for first, _ in seen} == {None, *map(whole_cut, range(CUTS + 1))}


@pytest.mark.parametrize("place", [*CUT_DATA, "cut_generation"])
@pytest.mark.parametrize("end", [0, 1], ids=["playback", "network"])
def test_every_order_of_a_cut_is_needed(state: SharedState, end: int, place: str) -> None:
    threads = list(cut_threads(1))
    threads[end] = without_order(threads[end], place)
    assert torn(cuts_seen(state, explore(*threads), threads[1]))


def test_a_cut_that_announces_its_beginning_late_is_torn(state: SharedState) -> None:
    writer, reader = cut_threads(1)
    late = sorted(writer, key=lambda access: (access.stored, access.place == "cut_begun"))
    assert torn(cuts_seen(state, explore(late, reader), reader))


def test_a_cut_without_a_beginning_is_torn() -> None:
    writer, reader = ([a for a in t if a.place != "cut_begun"] for t in cut_threads(1))
    assert any(len(set(seen)) > 1 for _, seen in explore(writer, reader).outcomes)
