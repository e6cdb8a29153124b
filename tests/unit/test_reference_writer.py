"""What playback tells the ears of the silence between answers."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.audio.reference import ReferenceWriter
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ, samples_to_ns
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import SharedState

PERIOD = 120


class Rig:
    """Playback's side of the ring and the ears'."""

    def __init__(self, state: SharedState, ring: FrameRing) -> None:
        self.state = state
        self.writer = ReferenceWriter(ring.writer(), state.playback, SAMPLE_RATE_HZ)
        self.reader: RingReader = ring.reader()
        self._rendered = 0

    def keep_silent(self, periods: int, *, late_ms: float = 0) -> None:
        for _ in range(periods):
            late_ns = round(late_ms * NS_PER_MS)
            self.writer.skip(PERIOD, samples_to_ns(self._rendered) + late_ns)
            self._rendered += PERIOD

    def read(self) -> list[tuple[int, int, int]]:
        """Return position, time and length of each waiting period."""
        told = [
            (frame.item_offset_samples, frame.capture_time_ns, len(frame.samples))
            for frame in self.reader.waiting()
        ]
        self.reader.advance(len(told))
        return told


@pytest.fixture
def rig() -> Iterator[Rig]:
    with SharedState.create() as state, FrameRing.create(4) as ring:
        yield Rig(state, ring)


def test_silence_tells_its_time_ten_times_a_second(rig: Rig) -> None:
    told = []
    for _ in range(60):
        rig.keep_silent(1)
        told += rig.read()
    assert told == [(at, samples_to_ns(at), 0) for at in (0, 2_400, 4_800)]


def test_silence_tells_the_earliest_of_its_times(rig: Rig) -> None:
    rig.keep_silent(12, late_ms=3)
    rig.keep_silent(1)
    rig.keep_silent(7, late_ms=8)
    assert rig.read() == [(0, 0, 0)]


def test_silence_fills_no_ring_that_is_not_read(rig: Rig) -> None:
    rig.keep_silent(2_000)
    assert rig.reader.fill_frames() == 1
    assert rig.state.playback.reference_lost_periods.load() == 0


def test_sound_has_its_place_behind_the_silence(rig: Rig) -> None:
    rig.keep_silent(30)
    rig.read()
    rig.writer.put(np.ones(PERIOD, np.int16), 7, 0)
    rig.keep_silent(20)
    assert rig.read() == [(30 * PERIOD, 7, PERIOD)]
    rig.keep_silent(20)
    assert [at for at, _, _ in rig.read()] == [51 * PERIOD]
