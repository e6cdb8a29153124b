"""The ring with both ends in one process, so that the order of events is known."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pipeline.pcm import FRAME_SAMPLES, Samples
from pipeline.shm.atomics import SEPARATION_BYTES, Word
from pipeline.shm.frames import SLOT
from pipeline.shm.ring import FrameRing, RingReader, RingWriter
from pipeline.shm.segment import Segment

Rings = Callable[[int], tuple[RingWriter, RingReader]]
NOTHING: Samples = np.zeros(0, np.int16)


@pytest.fixture
def ring_of() -> Iterator[Rings]:
    """Make both ends of a ring of a given capacity."""
    rings = []

    def create(capacity_frames: int) -> tuple[RingWriter, RingReader]:
        rings.append(FrameRing.create(capacity_frames))
        return rings[-1].writer(), rings[-1].reader()

    yield create
    for ring in rings:
        ring.close()


def ramp(count: int, start: int = 1) -> Samples:
    return np.arange(start, start + count, dtype=np.int16)


def write_generations(writer: RingWriter, *generations: int) -> None:
    for generation in generations:
        assert writer.write(NOTHING, generation=generation)


def waiting_generations(reader: RingReader) -> list[int]:
    """Take all waiting frames."""
    found = []
    while frame := reader.front():
        found.append(frame.generation)
        reader.advance()
    return found


# Writing and taking


def test_a_new_ring_is_empty(ring_of: Rings) -> None:
    writer, reader = ring_of(3)
    assert writer.free_frames() == 3
    assert reader.fill_frames() == 0
    assert reader.front() is None


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_ring_without_room_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 frame, not {capacity}"):
        FrameRing.create(capacity)


def test_capacity_is_known_wherever_the_ring_is_attached() -> None:
    with FrameRing.create(7) as ring, FrameRing.attach(ring.name) as attached:
        assert ring.capacity_frames == attached.capacity_frames == 7


@pytest.mark.parametrize("count", [0, 1, 2, 599, 1_199, 1_200])
def test_a_frame_holds_up_to_1200_samples(ring_of: Rings, count: int) -> None:
    writer, reader = ring_of(1)
    assert writer.write(ramp(count))
    frame = reader.front()
    assert frame is not None
    assert frame.samples.dtype == np.int16
    assert np.array_equal(frame.samples, ramp(count))


def test_a_partial_frame_shows_nothing_of_its_slot_s_earlier_content(ring_of: Rings) -> None:
    writer, reader = ring_of(1)
    for count in [*range(FRAME_SAMPLES, -1, -100), *range(0, FRAME_SAMPLES + 1, 75)]:
        assert writer.write(ramp(count, start=count))
        frame = reader.front()
        assert frame is not None
        assert np.array_equal(frame.samples, ramp(count, start=count))
        reader.advance()


def test_all_waiting_frames_are_seen_in_order(ring_of: Rings) -> None:
    writer, reader = ring_of(3)
    assert reader.waiting() == []
    for number in range(1, 8):
        writer.write(ramp(number), generation=number)
        writer.write(ramp(2 * number), generation=number)
        frames = reader.waiting()
        assert [frame.generation for frame in frames] == [number, number]
        assert [len(frame.samples) for frame in frames] == [number, 2 * number]
        assert reader.fill_frames() == 2
        reader.advance(2)


def test_samples_keep_their_extremes(ring_of: Rings) -> None:
    writer, reader = ring_of(1)
    writer.write(np.array([-32_768, -1, 0, 1, 32_767], np.int16))
    frame = reader.front()
    assert frame is not None
    assert frame.samples.tolist() == [-32_768, -1, 0, 1, 32_767]


@pytest.mark.parametrize("count", [1_201, 24_000])
def test_too_many_samples_are_refused_full_or_not(ring_of: Rings, count: int) -> None:
    writer, reader = ring_of(1)
    for fill in (0, 1):
        with pytest.raises(ValueError, match=f"a frame holds 1200 samples, not {count}"):
            writer.write(np.zeros(count, np.int16))
        assert reader.fill_frames() == fill
        writer.write(NOTHING)


@pytest.mark.parametrize(
    "field", ["generation", "item", "item_offset_samples", "capture_time_ns", "flags"]
)
@pytest.mark.parametrize("outside", [-(2**63) - 1, 2**64])
def test_a_header_that_does_not_fit_publishes_nothing(
    ring_of: Rings, field: str, outside: int
) -> None:
    writer, reader = ring_of(1)
    with pytest.raises(struct.error):
        writer.write(ramp(5), **{field: outside})
    assert reader.front() is None
    assert writer.write(ramp(2))
    frame = reader.front()
    assert frame is not None
    assert (frame.sequence, frame.samples.tolist()) == (0, [1, 2])


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"generation": 1, "item": 2, "item_offset_samples": 3, "capture_time_ns": 4, "flags": 3},
        {
            "generation": 2**64 - 1,
            "item": 2**64 - 1,
            "item_offset_samples": 2**64 - 1,
            "capture_time_ns": 2**63 - 1,
            "flags": 2**32 - 1,
        },
        {"capture_time_ns": -(2**63)},
    ],
)
def test_the_header_arrives_as_it_was_written(ring_of: Rings, header: dict[str, int]) -> None:
    writer, reader = ring_of(1)
    writer.write(ramp(3), **header)
    frame = reader.front()
    assert frame is not None
    zeros = dict.fromkeys(("generation", "item", "item_offset_samples", "flags"), 0)
    found: dict[str, Any] = frame._asdict()
    assert found.pop("samples").tolist() == [1, 2, 3]
    assert found == {"sequence": 0, "capture_time_ns": 0, **zeros, **header}


def test_a_full_ring_refuses_a_frame_and_keeps_the_others(ring_of: Rings) -> None:
    writer, reader = ring_of(2)
    assert writer.write(ramp(1, start=1))
    assert writer.write(ramp(1, start=2))
    assert not writer.write(ramp(1, start=3))
    assert (writer.free_frames(), reader.fill_frames()) == (0, 2)
    frame = reader.front()
    assert frame is not None
    assert frame.samples.tolist() == [1]


@pytest.mark.parametrize("capacity", [1, 2, 3, 7])
def test_frames_keep_their_order_across_many_wraps(ring_of: Rings, capacity: int) -> None:
    writer, reader = ring_of(capacity)
    written = taken = 0
    for burst in range(1, 50):
        for _ in range(burst % (capacity + 2)):
            written += writer.write(ramp(2, start=written), item=written)
        assert reader.fill_frames() == written - taken == capacity - writer.free_frames()
        for _ in range(min(burst % 3, written - taken)):
            frame = reader.front()
            assert frame is not None
            assert (frame.sequence, frame.item) == (taken, taken)
            assert frame.samples.tolist() == [taken, taken + 1]
            reader.advance()
            taken += 1
    assert taken > 3 * capacity


def test_the_front_stays_in_place_until_the_reader_advances(ring_of: Rings) -> None:
    writer, reader = ring_of(2)
    write_generations(writer, 5, 6)
    assert [frame.generation for frame in (reader.front(), reader.front()) if frame] == [5, 5]
    assert writer.free_frames() == 0


def test_samples_are_seen_in_place_and_not_copied(ring_of: Rings) -> None:
    writer, reader = ring_of(1)
    writer.write(ramp(3))
    first, second = reader.front(), reader.front()
    assert first is not None
    assert second is not None
    assert np.shares_memory(first.samples, second.samples)
    assert not first.samples.flags.owndata


def test_many_frames_are_given_back_at_once(ring_of: Rings) -> None:
    writer, reader = ring_of(4)
    write_generations(writer, 1, 2, 3, 4)
    reader.advance(0)
    assert writer.free_frames() == 0
    reader.advance(3)
    assert writer.free_frames() == 3
    assert waiting_generations(reader) == [4]


@pytest.mark.parametrize("frames", [-1, 3, 1_000])
def test_only_waiting_frames_can_be_given_back(ring_of: Rings, frames: int) -> None:
    writer, reader = ring_of(4)
    write_generations(writer, 1, 2)
    with pytest.raises(ValueError, match=f"cannot advance {frames} of 2 waiting frames"):
        reader.advance(frames)
    assert waiting_generations(reader) == [1, 2]


# Skipping


@pytest.mark.parametrize("start", range(4), ids=lambda start: f"from slot {start}")
@pytest.mark.parametrize(
    ("waiting", "generation", "skipped"),
    [
        ([], 9, 0),
        ([5], 4, 0),
        ([5], 5, 0),
        ([5], 6, 1),
        ([1, 1, 1, 1], 1, 0),
        ([1, 1, 1, 1], 2, 4),
        ([1, 2, 3, 4], 3, 2),
        ([1, 1, 1, 2], 2, 3),
        ([2, 1, 1, 1], 2, 0),
        ([1, 3, 1, 1], 2, 1),
        ([1, 1, 3, 1], 2, 2),
        ([0, 0, 0], 0, 0),
        ([0, 0, 0], 2**64 - 1, 3),
        ([2**64 - 2, 2**64 - 1], 2**64 - 1, 1),
    ],
)
def test_only_the_leading_older_frames_are_skipped(
    ring_of: Rings, start: int, waiting: list[int], generation: int, skipped: int
) -> None:
    writer, reader = ring_of(4)
    write_generations(writer, *[0] * start)
    reader.advance(start)
    write_generations(writer, *waiting)
    assert reader.skip_older(generation) == skipped
    assert writer.free_frames() == 4 - len(waiting) + skipped
    assert waiting_generations(reader) == waiting[skipped:]


def test_the_content_of_a_free_slot_is_not_skipped(ring_of: Rings) -> None:
    writer, reader = ring_of(3)
    write_generations(writer, 1, 1, 1)
    reader.advance(3)
    assert reader.skip_older(2) == 0
    assert reader.fill_frames() == 0


def test_frames_that_arrive_while_others_are_skipped_are_skipped_too(
    ring_of: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The playback ring's writer publishes them in the middle of `skip_older`."""
    writer, reader = ring_of(2)
    arriving = iter([1, 1, 1, 2, 1])
    advance = RingReader.advance

    def advance_and_write(end: RingReader, frames: int = 1) -> None:
        advance(end, frames)
        while writer.free_frames() and (generation := next(arriving, None)):
            write_generations(writer, generation)

    write_generations(writer, 1)
    with monkeypatch.context() as patch:
        patch.setattr(RingReader, "advance", advance_and_write)
        assert reader.skip_older(2) == 4
    assert waiting_generations(reader) == [2, 1]


# Memory


def test_a_new_end_continues_where_the_last_one_stopped() -> None:
    with FrameRing.create(2) as ring:
        for number in range(5):
            with FrameRing.attach(ring.name) as attached:
                write_generations(attached.writer(), number)
            with FrameRing.attach(ring.name) as attached:
                assert waiting_generations(attached.reader()) == [number]


def test_attaching_to_an_absent_ring_raises() -> None:
    with FrameRing.create(1) as ring:
        FrameRing.attach(ring.name).close()
        FrameRing.attach(ring.name).close()
    with pytest.raises(FileNotFoundError):
        FrameRing.attach(ring.name)


def test_closing_ends_both_ends() -> None:
    ring = FrameRing.create(1)
    writer, reader = ring.writer(), ring.reader()
    ring.close()
    closed = (writer.free_frames, lambda: writer.write(NOTHING), ring.writer, ring.reader)
    for use in (*closed, reader.fill_frames, reader.front, lambda: reader.skip_older(1)):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_closing_again_does_nothing() -> None:
    ring = FrameRing.create(1)
    ring.writer(), ring.reader()
    ring.close()
    ring.close()
    with pytest.raises(FileNotFoundError):
        FrameRing.attach(ring.name)


@pytest.mark.parametrize("capacity", [1, 600])
def test_the_segment_holds_every_slot(capacity: int) -> None:
    with FrameRing.create(capacity) as ring, Segment.attach(ring.name) as segment:
        assert len(segment.buffer) >= 3 * SEPARATION_BYTES + capacity * SLOT.itemsize
        writer = ring.writer()
        while writer.write(np.full(FRAME_SAMPLES, -1, np.int16), flags=2**32 - 1):
            pass
        assert ring.capacity_frames == capacity
        assert (ring.reader().fill_frames(), writer.free_frames()) == (capacity, 0)


def test_a_header_lies_where_the_slot_has_its_fields() -> None:
    with FrameRing.create(1) as ring, Segment.attach(ring.name) as segment:
        ring.writer().write(
            np.arange(5, dtype=np.int16),
            generation=2**64 - 1,
            item=2,
            item_offset_samples=3,
            capture_time_ns=-4,
            flags=5,
        )
        slot = np.frombuffer(bytes(segment.buffer), SLOT, 1, 3 * SEPARATION_BYTES)[0]
    assert slot.item()[:7] == (0, 2**64 - 1, 2, 3, -4, 5, 5)


def test_the_indices_and_the_slots_lie_128_bytes_apart() -> None:
    with FrameRing.create(2) as ring:
        writer, reader = ring.writer(), ring.reader()
        assert _offset_bytes(writer._written) == _offset_bytes(reader._written) == 0
        assert _offset_bytes(writer._read) == _offset_bytes(reader._read) == 128
        with Segment.attach(ring.name) as segment:
            writer.write(np.full(1, 0x55AA, np.int16))
            first_sample = bytes(segment.buffer).index(b"\xaa\x55")
        assert SLOT.fields is not None
        assert first_sample - SLOT.fields["samples"][1] >= 128 + SEPARATION_BYTES


def _offset_bytes(word: Word) -> int:
    cell: Any = word._cell
    return int(cell.offset)


def test_a_slot_is_a_header_and_samples_in_whole_cache_lines() -> None:
    assert SLOT.fields is not None
    places = {name: (dtype, offset) for name, (dtype, offset, *_) in SLOT.fields.items()}
    assert places == {
        "sequence": (np.dtype("<u8"), 0),
        "generation": (np.dtype("<u8"), 8),
        "item": (np.dtype("<u8"), 16),
        "item_offset_samples": (np.dtype("<u8"), 24),
        "capture_time_ns": (np.dtype("<i8"), 32),
        "valid_samples": (np.dtype("<u4"), 40),
        "flags": (np.dtype("<u4"), 44),
        "samples": (np.dtype(("<i2", FRAME_SAMPLES)), 64),
    }
    assert SLOT.itemsize % 64 == 0
    assert 64 + 2 * FRAME_SAMPLES <= SLOT.itemsize < 64 + 2 * FRAME_SAMPLES + 64


def test_a_new_writer_knows_what_was_published_last() -> None:
    with FrameRing.create(2) as ring:
        first = ring.writer()
        assert first.latest() is None
        assert first.written_frames == 0
        samples = np.arange(7, dtype=np.int16)
        assert first.write(samples, generation=3, item=4, item_offset_samples=5, flags=1)
        ring.reader().advance()
        second = ring.writer()
        latest = second.latest()
        assert latest is not None
        assert latest[:-1] == (0, 3, 4, 5, 0, 1)
        assert np.array_equal(latest.samples, samples)
        assert second.written_frames == 1
        del latest


def test_who_only_looks_sees_what_was_published_last() -> None:
    with FrameRing.create(2) as ring, FrameRing.attach(ring.name) as attached:
        writer = ring.writer()
        assert attached.latest() is None
        for number in range(3):
            assert writer.write(np.full(number, number, np.int16), item_offset_samples=number)
            ring.reader().advance()
            latest = attached.latest()
            assert latest is not None
            assert (latest.sequence, latest.end_samples) == (number, 2 * number)
            assert np.array_equal(latest.samples, np.full(number, number, np.int16))
            del latest
