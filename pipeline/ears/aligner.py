"""Finds the reference that belongs to each block of the microphone, by the times of both cards.

The canceller wants the reference before its echo: by 10 ms for its own sake, and by some more
because a card's times are not exact. A loudspeaker with much latency is given its samples early
enough. With less latency the microphone waits for one block while an answer sounds.
"""

import numpy as np

from pipeline.ears.blocks import BLOCK_SAMPLES
from pipeline.ears.reference import ReferenceLine, ReferenceRate
from pipeline.ears.stream_clock import JUMP_SAMPLES, StreamClock
from pipeline.pcm import SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.ring import Frame

LEAD_SAMPLES = SAMPLE_RATE_HZ * 35 // 1_000
"""How much later than the microphone's block its reference sounds, if it is known so early."""

LEAST_LEAD_SAMPLES = SAMPLE_RATE_HZ * 20 // 1_000
_SPARE_SAMPLES = SAMPLE_RATE_HZ * 2 // 1_000


class Aligner:
    """Takes both streams in the order of their arrival.

    :ivar waiting_blocks: how many blocks of the microphone wait for their reference: 0 or 1.
    :ivar realigned: whether the latest reference lies at another place than the one before.
    :ivar sounds_until_ns: end of what the loudspeaker was given, ``time.monotonic_ns``.
    """

    def __init__(self) -> None:
        self._line = ReferenceLine()
        self._rate = ReferenceRate()
        self._speaker = StreamClock()
        self._microphone = StreamClock()
        self._lead_samples = LEAD_SAMPLES
        self._shift: int | None = None  # position of the reference less that of the microphone
        self._moves = False
        self.waiting_blocks = 0
        self.realigned = False
        self.sounds_until_ns = 0

    def sounds(self, frame: Frame, rate_hz: int) -> None:
        """Take a period that the loudspeaker was given."""
        samples_ns = samples_to_ns(len(frame.samples), rate_hz)
        self.sounds_until_ns = frame.capture_time_ns + samples_ns
        position = frame.item_offset_samples * SAMPLE_RATE_HZ / rate_hz
        if self._speaker.observe(position, frame.capture_time_ns):
            self._lose_place()
        late_samples = self._line.write(*self._rate.place(frame, rate_hz))
        if late_samples > 0 and not self._moves:
            self._lead_less(late_samples)

    def reference(self, position: int, captured_at_ns: int, *, expected: bool) -> Samples:
        """Return what sounds a lead later than the microphone's block at `position`.

        :param expected: whether the block has waited for it; if nothing was sounding, it has not.
        """
        if self._microphone.observe(position, captured_at_ns):
            self._lose_place()
        self.realigned = False
        if self._microphone.offset is None or self._speaker.offset is None:
            return np.zeros(BLOCK_SAMPLES, np.int16)
        offset = self._microphone.offset - self._speaker.offset
        shift = self._follow(offset + self._lead_samples)
        if not expected:
            return np.zeros(BLOCK_SAMPLES, np.int16)
        return self._line.read(position + shift, BLOCK_SAMPLES)

    @property
    def lead_ms(self) -> float:
        return self._lead_samples * 1_000 / SAMPLE_RATE_HZ

    def _lose_place(self) -> None:
        self._moves = True
        self._lead_samples = LEAD_SAMPLES

    def _lead_less(self, late_samples: int) -> None:
        """The reference came too late for its block: expect it later from now on."""
        self._lead_samples -= late_samples + _SPARE_SAMPLES
        self._moves = True
        if self._lead_samples < LEAST_LEAD_SAMPLES and not self.waiting_blocks:
            self.waiting_blocks = 1
            self._lead_samples += BLOCK_SAMPLES

    def _follow(self, wanted: float) -> int:
        """Return the shift: drift is followed sample by sample, everything else at once."""
        if self._shift is None or self._moves or abs(wanted - self._shift) > JUMP_SAMPLES:
            self._shift = round(wanted)
            self._moves = False
            self.realigned = True
        elif abs(wanted - self._shift) > 1:
            self._shift += 1 if wanted > self._shift else -1
        return self._shift
