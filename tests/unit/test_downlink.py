"""Answers on their way to the playback ring: framed, kept in order, dropped when stale."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network.actions import EndItem, QueueAudio
from pipeline.network.downlink import Downlink
from pipeline.pcm import FRAME_SAMPLES, Samples
from pipeline.shm.frames import FLAG_ITEM_END
from pipeline.shm.ring import FrameRing, RingReader

CAPACITY = 4


class Rig:
    def __init__(self, ring: FrameRing) -> None:
        self.downlink = Downlink(ring.writer())
        self.reader: RingReader = ring.reader()

    def take(self, frames: int = CAPACITY) -> list[tuple[int, int, int, int, Samples]]:
        """Generation, item, offset, flags and samples of the next frames."""
        taken: list[tuple[int, int, int, int, Samples]] = []
        while len(taken) < frames and (frame := self.reader.front()) is not None:
            taken.append(
                (
                    frame.generation,
                    frame.item,
                    frame.item_offset_samples,
                    frame.flags,
                    frame.samples.copy(),
                )
            )
            self.reader.advance()
        return taken

    def take_all(self) -> list[tuple[int, int, int, int, Samples]]:
        """The same, with the writer filling up the ring meanwhile."""
        taken: list[tuple[int, int, int, int, Samples]] = []
        while frames := self.take(1):
            taken += frames
            self.downlink.pump()
        return taken


@pytest.fixture
def rig() -> Iterator[Rig]:
    with FrameRing.create(CAPACITY) as ring:
        yield Rig(ring)


def counted(samples: int, first: int = 0) -> Samples:
    return (np.arange(first, first + samples) % 65_536).astype(np.uint16).view(np.int16)


def play(samples: int, *, item: int = 1, generation: int = 0, first: int = 0) -> QueueAudio:
    return QueueAudio(item, generation, first, counted(samples, first).tobytes())


def joined(frames: list[tuple[int, int, int, int, Samples]]) -> Samples:
    return np.concatenate([np.zeros(0, np.int16), *(samples for *_, samples in frames)])


def test_a_delta_becomes_whole_frames_and_a_short_one(rig: Rig) -> None:
    rig.downlink.put(play(2 * FRAME_SAMPLES + 7, item=3, generation=2))
    frames = rig.take()
    assert [(g, i, offset, len(s)) for g, i, offset, _, s in frames] == [
        (2, 3, 0, FRAME_SAMPLES),
        (2, 3, FRAME_SAMPLES, FRAME_SAMPLES),
        (2, 3, 2 * FRAME_SAMPLES, 7),
    ]
    assert np.array_equal(joined(frames), counted(2 * FRAME_SAMPLES + 7))
    assert not rig.downlink.waiting


def test_a_short_delta_is_published_at_once(rig: Rig) -> None:
    rig.downlink.put(play(1))
    rig.downlink.put(play(2, first=1))
    assert [len(samples) for *_, samples in rig.take()] == [1, 2]


def test_the_end_of_an_item_is_a_frame_without_samples(rig: Rig) -> None:
    rig.downlink.put(play(5, generation=2))
    rig.downlink.put(EndItem(1, 2, 5))
    frames = [(g, i, offset, flags, len(s)) for g, i, offset, flags, s in rig.take()]
    assert frames == [(2, 1, 0, 0, 5), (2, 1, 5, FLAG_ITEM_END, 0)]


@settings(max_examples=60, deadline=None)
@given(
    deltas=st.lists(st.integers(1, 6_000), min_size=1, max_size=8),
    taken=st.lists(st.integers(0, CAPACITY), max_size=20),
)
def test_every_sample_passes_once_and_in_order_however_slow_the_reader(
    deltas: list[int], taken: list[int]
) -> None:
    with FrameRing.create(CAPACITY) as ring:
        rig = Rig(ring)
        frames = []
        takes = iter(taken)
        first = 0
        for count in deltas:
            rig.downlink.put(play(count, first=first))
            first += count
            frames += rig.take(next(takes, 0))
        rig.downlink.put(EndItem(1, 0, first))
        for count in takes:
            rig.downlink.pump()
            frames += rig.take(count)
        rig.downlink.pump()
        frames += rig.take_all()
        assert not rig.downlink.waiting
        assert np.array_equal(joined(frames), counted(first))
        ends = np.cumsum([0, *(len(samples) for *_, samples in frames)])[:-1]
        assert [offset for _, _, offset, _, _ in frames] == list(ends)
        assert [flags for *_, flags, _ in frames] == [0] * (len(frames) - 1) + [FLAG_ITEM_END]


def test_what_waits_for_an_older_generation_is_dropped(rig: Rig) -> None:
    rig.downlink.put(play(10 * FRAME_SAMPLES))
    rig.downlink.put(EndItem(1, 0, 10 * FRAME_SAMPLES))
    assert rig.downlink.waiting
    rig.downlink.drop_older(1)
    assert not rig.downlink.waiting
    rig.take()
    rig.downlink.put(play(3_000, item=2, generation=1))
    frames = rig.take_all()
    assert {generation for generation, *_ in frames} == {1}
    assert np.array_equal(joined(frames), counted(3_000))
    assert frames[0][2] == 0


def test_the_next_answer_behind_a_half_published_old_one_is_whole(rig: Rig) -> None:
    rig.downlink.put(play(10 * FRAME_SAMPLES))
    rig.downlink.put(play(3_000, item=2, generation=1))
    rig.downlink.drop_older(1)
    rig.take()
    rig.downlink.pump()
    frames = rig.take_all()
    assert np.array_equal(joined(frames), counted(3_000))
    assert [offset for _, _, offset, _, _ in frames] == [0, 1_200, 2_400]


def test_a_half_published_answer_that_is_still_wanted_goes_on_where_it_was(rig: Rig) -> None:
    rig.downlink.put(play(10 * FRAME_SAMPLES, generation=1))
    frames = rig.take(2)
    rig.downlink.drop_older(1)
    rig.downlink.pump()
    frames += rig.take_all()
    assert np.array_equal(joined(frames), counted(10 * FRAME_SAMPLES))


def test_memory_is_bounded_and_the_loss_counted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Downlink, "WAITING_SAMPLES_LIMIT", 10 * FRAME_SAMPLES)
    rig.downlink.put(play(CAPACITY * FRAME_SAMPLES))  # fills the ring and does not wait
    rig.downlink.put(play(10 * FRAME_SAMPLES, first=CAPACITY * FRAME_SAMPLES))
    assert rig.downlink.lost_samples == 0
    rig.downlink.put(play(1))
    rig.downlink.put(play(FRAME_SAMPLES))
    assert rig.downlink.lost_samples == 1 + FRAME_SAMPLES
    rig.downlink.put(EndItem(1, 0, 14 * FRAME_SAMPLES))
    frames = rig.take_all()
    assert np.array_equal(joined(frames), counted(14 * FRAME_SAMPLES))
    assert frames[-1][3] == FLAG_ITEM_END
    rig.downlink.put(play(10))
    assert rig.downlink.lost_samples == 1 + FRAME_SAMPLES
    assert not rig.downlink.waiting


def test_dropping_makes_room_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Downlink, "WAITING_SAMPLES_LIMIT", 10 * FRAME_SAMPLES)
    rig.downlink.put(play(10 * FRAME_SAMPLES))
    rig.downlink.drop_older(1)
    rig.downlink.put(play(10 * FRAME_SAMPLES, item=2, generation=1))
    assert rig.downlink.lost_samples == 0


@pytest.mark.parametrize("waiting", [0, 1])
def test_dropping_nothing_is_harmless(rig: Rig, waiting: int) -> None:
    for _ in range(waiting * 2 * CAPACITY):
        rig.downlink.put(play(FRAME_SAMPLES))
    rig.downlink.drop_older(0)
    assert len(rig.take_all()) == waiting * 2 * CAPACITY
