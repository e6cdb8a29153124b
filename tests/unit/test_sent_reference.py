"""What sounds, as the second channel: real rings, frames with and without a reference."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.network.sent_reference import SentReference
from pipeline.shm.ring import FrameRing, RingWriter
from tests.support.sound import noise

FRAME = 1_200
MICROPHONE = noise(1, -9_000, 9_000, seed=1)[:FRAME]
SOUNDS = noise(1, -9_000, 9_000, seed=2)


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    with FrameRing.create(8) as ring:
        yield ring


def publish(writer: RingWriter, *frames: int) -> None:
    for frame in frames:
        sounds = SOUNDS[frame * FRAME :][:FRAME]
        assert writer.write(sounds, item_offset_samples=frame * FRAME)


def test_each_frame_is_sent_beside_what_sounds_with_it(ring: FrameRing) -> None:
    reference = SentReference(ring.reader())
    publish(ring.writer(), 2, 3, 5)
    for frame, known in ((1, False), (2, True), (3, True), (4, False), (5, True), (6, False)):
        both = reference.beside(MICROPHONE, frame * FRAME, 0).reshape(-1, 2)
        sounds = SOUNDS[frame * FRAME :][:FRAME] if known else np.zeros(FRAME)
        assert np.array_equal(both[:, 0], MICROPHONE)
        assert np.array_equal(both[:, 1], sounds)


def test_a_part_of_a_frame_gets_its_part(ring: FrameRing) -> None:
    reference = SentReference(ring.reader())
    publish(ring.writer(), 0)
    both = reference.beside(MICROPHONE[100:300], 0, 100).reshape(-1, 2)
    assert np.array_equal(both[:, 1], SOUNDS[100:300])


def test_released_frames_make_room_and_leave_the_others(ring: FrameRing) -> None:
    reference = SentReference(ring.reader())
    writer = ring.writer()
    publish(writer, *range(8))
    reference.release(3 * FRAME)
    reference.release(3 * FRAME)
    assert writer.free_frames() == 3
    publish(writer, 8, 9, 10)
    both = reference.beside(MICROPHONE, 10 * FRAME, 0).reshape(-1, 2)
    assert np.array_equal(both[:, 1], SOUNDS[10 * FRAME :][:FRAME])
    reference.release(100 * FRAME)
    assert writer.free_frames() == 8
