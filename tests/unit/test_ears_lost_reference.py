"""What sounds while the ears stand still for too long, and what they make of it afterwards."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.audio.reference import ReferenceWriter
from pipeline.ears.aligner import Aligner
from pipeline.ears.lead import LEAD_SAMPLES
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from tests.support.sound import noise

PERIOD = BLOCK_SAMPLES // 2
RING_PERIODS = 200
"""1 s."""
AHEAD = SAMPLE_RATE_HZ // 20
"""A period is given to the loudspeaker so many samples before it sounds."""
SOUND = noise(6, 1_000, 9_000, seed=1)


class Rig:
    """Both cards begin at 0 of the same clock, and `SOUND` plays from then on."""

    def __init__(self, state: SharedState, ring: FrameRing) -> None:
        self._lost = state.playback.reference_lost_periods.load
        self._writer = ReferenceWriter(ring.writer(), state.playback, SAMPLE_RATE_HZ)
        self._reader = ring.reader()
        self._aligner = Aligner()
        self._rendered = self._heard = self._now = 0

    @property
    def lost(self) -> int:
        return self._lost() * PERIOD

    def play(self, seconds: float) -> None:
        self._now += round(seconds * SAMPLE_RATE_HZ)
        while self._rendered < self._now + AHEAD:
            period = SOUND[self._rendered :][:PERIOD]
            self._writer.put(period, samples_to_ns(self._rendered), generation=0)
            self._rendered += PERIOD

    def hear(self) -> dict[int, Samples]:
        """Return the reference of each block since the last call, by its position."""
        periods = self._reader.waiting()
        for period in periods:
            self._aligner.sounds(period, SAMPLE_RATE_HZ)
        self._reader.advance(len(periods))
        references: dict[int, Samples] = {}
        while self._heard + BLOCK_SAMPLES <= self._now:
            self._aligner.arrives(self._heard, samples_to_ns(self._heard))
            references[self._heard] = self._aligner.reference(self._heard, expected=True)
            self._heard += BLOCK_SAMPLES
        return references

    def listen(self, seconds: float) -> dict[int, Samples]:
        references: dict[int, Samples] = {}
        for _ in range(round(seconds * SAMPLE_RATE_HZ / BLOCK_SAMPLES)):
            self.play(BLOCK_SAMPLES / SAMPLE_RATE_HZ)
            references |= self.hear()
        return references


@pytest.fixture
def rig() -> Iterator[Rig]:
    with SharedState.create() as state, FrameRing.create(RING_PERIODS) as ring:
        yield Rig(state, ring)


def test_a_reference_that_was_lost_is_silence_and_what_follows_is_in_its_place(rig: Rig) -> None:
    rig.listen(1)
    rig.play(2)
    assert rig.lost
    standing = rig.hear()
    after = rig.listen(1)
    missing = sum(np.count_nonzero(reference == 0) for reference in (standing | after).values())
    assert missing == rig.lost
    for position, reference in after.items():
        expected = SOUND[position + LEAD_SAMPLES :][:BLOCK_SAMPLES]
        known = reference != 0
        assert np.array_equal(reference[known], expected[known])
    assert np.all(after[max(after)] != 0)
