"""Finds the reference that belongs to each block of the microphone, by the times of both cards.

The canceller wants the reference before its echo: by 10 ms for its own sake, and by some more
because a card's times are not exact. A loudspeaker with much latency is given its samples early
enough. With less latency the microphone waits for one block while an answer sounds.
"""

from collections import deque

import numpy as np

from pipeline.ears.card_offset import CardOffset
from pipeline.ears.card_times import REACH_SAMPLES, REFERENCE_SAMPLES, WINDOW_SAMPLES, CardTimes
from pipeline.ears.reference import ReferenceLine, ReferenceRate
from pipeline.pcm import BLOCK_SAMPLES, NS_PER_MS, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.frames import Frame

LEAD_SAMPLES = SAMPLE_RATE_HZ * 35 // 1_000
"""How much later than the microphone's block its reference sounds, if it is known so early."""

LONGEST_WAIT_NS = 40 * NS_PER_MS
_REMEMBERED_BLOCKS = 4

_LEAST_LEAD_SAMPLES = SAMPLE_RATE_HZ * 20 // 1_000
SHORTEST_LEAD_SAMPLES = SAMPLE_RATE_HZ * 15 // 1_000
"""With less than 12 ms, the canceller finds nothing."""
_SPARE_SAMPLES = SAMPLE_RATE_HZ * 2 // 1_000
_JUDGED_PERIODS = 60
"""A busy processor makes a few of them late."""
NEAR_SAMPLES = SAMPLE_RATE_HZ // 1_000
"""Each step of the reference costs the canceller some of what it has learnt, so only a drift is
followed, and not the uncertainty of times."""
_JUMP_SAMPLES = SAMPLE_RATE_HZ * 3 // 1_000
"""A card whose times move by more has lost samples, or was opened again."""
_JUMPED_BLOCKS = 20
FOLLOWED_BLOCKS = 25
"""One sample in 250 ms follows 160 parts in a million: more than two cards drift apart."""


class Aligner:
    """Takes both streams in the order of their arrival.

    :ivar waiting_blocks: how many blocks of the microphone wait for their reference: 0 or 1.
    :ivar wrong_samples: how much later the echo is heard than the cards' times tell.
    :ivar realigned: whether the latest reference lies at another place than the one before.
    :ivar later_blocks: by how many blocks the latest reference sounds sooner after the microphone's
        block than the one before, because it was given too late.
    :ivar sounds_until_ns: end of what the loudspeaker was given, ``time.monotonic_ns``.
    """

    def __init__(self) -> None:
        self._line = ReferenceLine()
        self._rate = ReferenceRate()
        self._offset = CardOffset()
        self._times = CardTimes()
        self.wrong_samples = 0
        self._lead_samples = LEAD_SAMPLES
        self._shift: int | None = None  # position of the reference less that of the microphone
        self._moves = False
        self._later_blocks = 0  # of those to come
        self._jumped_blocks = 0
        self._followed_blocks = 0
        self._late_samples: list[int] = []  # by how much the latest periods came too late
        self._unexpected: deque[int] = deque(maxlen=_REMEMBERED_BLOCKS)
        self._silent_from = -1  # end of what the loudspeaker was given before it fell silent
        self.waiting_blocks = 0
        self.realigned = False
        self.later_blocks = 0
        self.sounds_until_ns = 0

    def sounds(self, frame: Frame, rate_hz: int) -> None:
        """Take a period that the loudspeaker was given."""
        samples_ns = samples_to_ns(len(frame.samples), rate_hz)
        self.sounds_until_ns = frame.capture_time_ns + samples_ns
        position = frame.item_offset_samples * SAMPLE_RATE_HZ / rate_hz
        self._offset.speaker(position, frame.capture_time_ns)
        self._late_samples.append(self._line.write(*self._rate.place(frame, rate_hz)))
        if len(self._late_samples) == _JUDGED_PERIODS:
            late = sorted(samples for samples in self._late_samples if samples > 0)
            if len(late) > _JUDGED_PERIODS * 2 // 5:  # with two periods in a block, every other one
                self._lead_less(late[len(late) // 2])
            self._late_samples.clear()

    def arrives(self, position: int, captured_at_ns: int) -> None:
        """A block of the microphone arrives; it may be heard later."""
        self._offset.microphone(position, captured_at_ns)
        due = position - self.waiting_blocks * BLOCK_SAMPLES
        self._line.wanted_until = self._reference_end(due)

    def ready(self, position: int, age_ns: int) -> bool:
        """Whether to hear the block at `position` now, which was captured `age_ns` ago.

        Its reference is there, or has been waited for in vain: then the loudspeaker is silent. A
        busy processor lets some periods come late; without them their echo sounds like a voice.
        """
        known_until = self._line.written_until
        if age_ns > LONGEST_WAIT_NS:
            self._silent_from = known_until
        silent = known_until == self._silent_from
        return silent or known_until >= self._reference_end(position)

    def _reference_end(self, position: int) -> int:
        return position + (self._shift or 0) + BLOCK_SAMPLES

    def reference(self, position: int, *, expected: bool) -> Samples:
        """Return what sounds a lead later than the microphone's block at `position`.

        :param expected: whether the block has waited for it; if nothing was sounding, it has not.
        """
        self.realigned = False
        self.later_blocks = 0
        if not expected:
            self._unexpected.append(position)
        offset_samples = self._offset.samples
        if offset_samples is None or not expected:
            return np.zeros(BLOCK_SAMPLES, np.int16)
        shift = self._follow(offset_samples - self.wrong_samples + self._lead_samples)
        return self._line.read(position + shift, BLOCK_SAMPLES)

    def late_references(self) -> list[Samples]:
        """Return the references of the latest blocks, in order, if these were not expected.

        A block does not wait while nothing is known to sound. An answer that begins beside it is
        known one block later; its echo comes later still.
        """
        late, shift = list(self._unexpected), self._shift
        self._unexpected.clear()
        if shift is None:
            return []
        return [self._line.read(position + shift, BLOCK_SAMPLES) for position in late]

    def references(self, position: int, count: int) -> list[Samples]:
        """Return the references of the `count` blocks before `position`, where they lie now."""
        first = position + (self._shift or 0) - count * BLOCK_SAMPLES
        starts = range(first, first + count * BLOCK_SAMPLES, BLOCK_SAMPLES)
        return [self._line.kept(start, BLOCK_SAMPLES) for start in starts]

    def heard(self, position: int, microphone: Samples) -> bool:
        """Take a block that was heard while an answer sounded.

        :returns: whether the cards' times turn out to be wrong, by `wrong_samples` from now on.
        """
        if not self._times.take(position, microphone):
            return False
        same_time = position + BLOCK_SAMPLES - WINDOW_SAMPLES + (self._shift or 0)
        start = same_time - self._lead_samples - REACH_SAMPLES
        wrong = self._times.wrong_by(self._line.kept(start, REFERENCE_SAMPLES))
        self.wrong_samples += wrong
        self._moves |= wrong != 0
        return wrong != 0

    @property
    def lead_ms(self) -> float:
        return self._lead_samples * 1_000 / SAMPLE_RATE_HZ

    def _lead_less(self, late_samples: int) -> None:
        """The reference comes too late for its blocks: expect it later from now on.

        It moves by whole blocks, and what the canceller has learnt moves with it.
        """
        blocks = -(-(late_samples + _SPARE_SAMPLES) // BLOCK_SAMPLES)
        if self._lead_samples - blocks * BLOCK_SAMPLES < _LEAST_LEAD_SAMPLES:
            blocks -= 1 - self.waiting_blocks
            self.waiting_blocks = 1
        blocks = min(blocks, (self._lead_samples - SHORTEST_LEAD_SAMPLES) // BLOCK_SAMPLES)
        self._lead_samples -= blocks * BLOCK_SAMPLES
        self._later_blocks += blocks

    def _follow(self, wanted: float) -> int:
        """Return the shift: drift is followed sample by sample, a jump that lasts at once."""
        if self._shift is None or self._moves or self._jumped_blocks == _JUMPED_BLOCKS:
            self._shift = round(wanted)
            self._moves = False
            self._jumped_blocks = self._later_blocks = 0
            self._late_samples.clear()  # they were judged by the place before
            self._times.begin_anew()
            self.realigned = True
        elif self._later_blocks:
            self._shift -= self._later_blocks * BLOCK_SAMPLES
            self.later_blocks, self._later_blocks = self._later_blocks, 0
            self._late_samples.clear()
        off = wanted - self._shift
        self._jumped_blocks = self._jumped_blocks + 1 if abs(off) > _JUMP_SAMPLES else 0
        self._followed_blocks += 1
        if abs(off) > NEAR_SAMPLES and self._followed_blocks >= FOLLOWED_BLOCKS:
            self._shift += 1 if off > 0 else -1
            self._followed_blocks = 0
        return self._shift
