"""How loud the microphone and the loudspeaker are, read from what passes through the rings.

The processes of the sound have no part in it: the supervisor looks at frames that they publish.
"""

import numpy as np

from pipeline.audio.levels import loudness_of
from pipeline.ipc.events import Levels
from pipeline.pcm import Samples, ms_to_samples
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import Position, SharedState

LONGEST_SAMPLES = ms_to_samples(250)
"""What came before that is not looked at."""

_SEARCHED_FRAMES = 64
"""How far behind what was given to the loudspeaker the sample that sounds may lie: 3 s."""

_NOTHING = np.zeros(0, np.int16)


class LevelMeter:
    """Measures what was heard and what has sounded since it looked before."""

    def __init__(
        self, state: SharedState, capture_ring: FrameRing, playback_ring: FrameRing
    ) -> None:
        self._heard_word = state.playback.heard
        self._capture_ring = capture_ring
        self._playback_ring = playback_ring
        self._published = 0
        self._heard = Position(0, 0)

    def look(self) -> Levels:
        """Return the levels since the look before, at most 250 ms."""
        return Levels(loudness_of(self._microphone()), loudness_of(self._speaker()))

    def _microphone(self) -> Samples:
        ring, before = self._capture_ring, self._published
        self._published = ring.written_frames
        frames = map(ring.published, range(before, self._published))
        heard = [frame.samples for frame in frames if frame is not None]
        return np.concatenate((_NOTHING, *heard))[-LONGEST_SAMPLES:]

    def _speaker(self) -> Samples:
        before, self._heard = self._heard, Position.unpacked(self._heard_word.load())
        if self._heard <= before:
            return _NOTHING
        item, end = self._heard
        start = max(end - LONGEST_SAMPLES, before.samples if before.item == item else 0)
        ring, parts = self._playback_ring, []
        newest = ring.read_frames + 1
        for index in range(newest, max(-1, newest - _SEARCHED_FRAMES), -1):
            frame = ring.published(index)
            if frame is None or frame.item != item or frame.item_offset_samples >= end:
                continue
            offset = frame.item_offset_samples
            parts.append(frame.samples[max(0, start - offset) : end - offset])
            if offset <= start:
                break
        return np.concatenate((_NOTHING, *reversed(parts)))
