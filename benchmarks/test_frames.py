"""Cost of the parts of a hand-over within one process.

python -m pytest benchmarks
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.pcm import FRAME_SAMPLES, Samples
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState

RING_FRAMES = 2_048
QUEUED_FRAMES = 2_000


@pytest.fixture
def frame_ring() -> Iterator[FrameRing]:
    with FrameRing.create(RING_FRAMES) as ring:
        yield ring


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as shared:
        yield shared


@pytest.fixture
def frame() -> Samples:
    return np.random.default_rng(1).integers(-32_768, 32_767, FRAME_SAMPLES, np.int16)


def test_write_and_read(frame_ring: FrameRing, frame: Samples, benchmark: BenchmarkFixture) -> None:
    writer, reader = frame_ring.writer(), frame_ring.reader()
    out = np.zeros(FRAME_SAMPLES, np.int16)

    def hand_over() -> None:
        writer.write(frame, generation=1, item=2, item_offset_samples=3)
        front = reader.front()
        assert front is not None
        out[:] = front.samples
        reader.advance()

    hand_over()
    assert np.array_equal(out, frame)
    benchmark(hand_over)


def test_copy(frame: Samples, benchmark: BenchmarkFixture) -> None:
    out = np.zeros(FRAME_SAMPLES, np.int16)

    def copy() -> None:
        out[:] = frame

    copy()
    assert np.array_equal(out, frame)
    benchmark(copy)


def test_load(state: SharedState, benchmark: BenchmarkFixture) -> None:
    word = state.network.generation
    word.store(2**40)
    assert benchmark(word.load) == 2**40


def test_store(state: SharedState, benchmark: BenchmarkFixture) -> None:
    word = state.network.generation
    benchmark(word.store, 2**40)
    assert word.load() == 2**40


def test_add(state: SharedState, benchmark: BenchmarkFixture) -> None:
    word = state.playback.played_samples
    word.add(120)
    assert word.load() == 120
    benchmark(word.add, 120)


def test_discard_of_2000_frames(
    frame_ring: FrameRing, frame: Samples, benchmark: BenchmarkFixture
) -> None:
    writer, reader = frame_ring.writer(), frame_ring.reader()

    def fill() -> None:
        reader.skip_older(2)
        for _ in range(QUEUED_FRAMES):
            assert writer.write(frame, generation=1)

    fill()
    assert reader.skip_older(2) == QUEUED_FRAMES
    pedantic: Any = benchmark.pedantic
    pedantic(reader.skip_older, (2,), setup=fill, rounds=50)
