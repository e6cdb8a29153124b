"""Finds the reference that belongs to each block of the microphone, by the times of both cards."""

from collections import deque

import numpy as np

from pipeline.ears.card_offset import LOST_SAMPLES, CardOffset
from pipeline.ears.card_times import REACH_SAMPLES, REFERENCE_SAMPLES, WINDOW_SAMPLES, CardTimes
from pipeline.ears.lead import Lead
from pipeline.ears.reference import ReferenceLine, ReferenceRate
from pipeline.pcm import (
    BLOCK_SAMPLES,
    NS_PER_MS,
    SAMPLE_RATE_HZ,
    Samples,
    ms_to_samples,
    samples_to_ns,
)
from pipeline.shm.frames import Frame

LONGEST_WAIT_NS = 40 * NS_PER_MS
_REMEMBERED_BLOCKS = 4

NEAR_SAMPLES = SAMPLE_RATE_HZ // 1_000
"""Each step of the reference costs the canceller some of what it has learnt, so only a drift is
followed, and not the uncertainty of times."""
_JUMP_SAMPLES = SAMPLE_RATE_HZ * 3 // 1_000
"""A card whose times move by more has lost samples, or was opened again."""
_JUMPED_BLOCKS = 20
_MOST_FOLLOWED_SAMPLES = ms_to_samples(50)
FOLLOWED_BLOCKS = 25
"""One sample in 250 ms follows 160 parts in a million: more than two cards drift apart."""


class Aligner:
    """Takes both streams in the order of their arrival.

    :ivar lead: how much later than the microphone's block its reference sounds.
    :ivar wrong_samples: how much later the echo is heard than the cards' times tell.
    :ivar realigned: whether the latest reference was put in its place by the cards' times, which
        need not be that of the echo.
    :ivar moved_blocks: by how many blocks the latest reference is given later than the one before,
        because it came too late; 0 if it lies elsewhere for another reason; None: it has not moved.
    :ivar sounds_until_ns: end of what the loudspeaker was given, ``time.monotonic_ns``.
    """

    def __init__(self) -> None:
        self._line = ReferenceLine()
        self._rate = ReferenceRate()
        self._offset = CardOffset()
        self._times = CardTimes()
        self.wrong_samples = 0
        self.lead = Lead()
        self._shift: int | None = None  # position of the reference less that of the microphone
        self._moves = False
        self._later_blocks = 0  # of the references to come
        self._echo_later_samples = 0  # not yet followed
        self._followed_samples = 0  # by which the echo was found later than the times tell
        self._jumped_blocks = 0
        self._blocks_since_step = 0
        self._unexpected: deque[int] = deque(maxlen=_REMEMBERED_BLOCKS)
        self._silent_from = -1  # end of what the loudspeaker was given before it fell silent
        self.realigned = False
        self.moved_blocks: int | None = None
        self.sounds_until_ns = 0

    def sounds(self, frame: Frame, rate_hz: int) -> None:
        """Take a period that the loudspeaker was given."""
        samples_ns = samples_to_ns(len(frame.samples), rate_hz)
        self.sounds_until_ns = frame.capture_time_ns + samples_ns
        position = frame.item_offset_samples * SAMPLE_RATE_HZ / rate_hz
        self._offset.speaker(position, frame.capture_time_ns)
        late_samples = self._line.write(*self._rate.place(frame, rate_hz))
        if self._shift is not None:
            self._later_blocks += self.lead.take(late_samples)

    def arrives(self, position: int, captured_at_ns: int) -> None:
        """A block of the microphone arrives; it may be heard later."""
        self._offset.microphone(position, captured_at_ns)
        due = position - self.lead.waiting_blocks * BLOCK_SAMPLES
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
        self.moved_blocks = None
        if not expected:
            self._unexpected.append(position)
        offset_samples = self._offset.samples
        if offset_samples is None or not expected:
            return np.zeros(BLOCK_SAMPLES, np.int16)
        shift = self._follow(offset_samples - self.wrong_samples + self.lead.samples)
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
        start = same_time - self.lead.samples - REACH_SAMPLES
        wrong = self._times.wrong_by(self._line.kept(start, REFERENCE_SAMPLES))
        self.wrong_samples += wrong
        self._moves |= wrong != 0
        return wrong != 0

    def echo_moved(self, samples: int) -> None:
        """The echo is heard `samples` later beside its reference than it was before.

        Nothing follows if that is more than the times can be wrong by.
        """
        if abs(self._followed_samples + samples) <= _MOST_FOLLOWED_SAMPLES:
            self._echo_later_samples += samples

    def _follow(self, told: float) -> int:
        """Return the shift: drift is followed sample by sample, a jump that lasts at once.

        :param told: what it would be by the cards' times, in so far as they are right.
        """
        if self._shift is None or self._moves or self._jumps(self._shift, told):
            self._shift = round(told)
            self._moves = False
            self._followed_samples = self._jumped_blocks = 0
            self._times.begin_anew()
            self.realigned = True
            self._moved()
        elif self._later_blocks or self._echo_later_samples:
            self._shift -= self._later_blocks * BLOCK_SAMPLES + self._echo_later_samples
            if self._echo_later_samples:
                self._followed_samples = round(told) - self._shift
            self._moved()
        off = told - self._followed_samples - self._shift
        self._jumped_blocks = self._jumped_blocks + 1 if abs(off) > _JUMP_SAMPLES else 0
        self._blocks_since_step += 1
        if abs(off) > NEAR_SAMPLES and self._blocks_since_step >= FOLLOWED_BLOCKS:
            self._shift += 1 if off > 0 else -1
            self._blocks_since_step = 0
        return self._shift

    def _jumps(self, shift: int, told: float) -> bool:
        """Whether the times tell for certain that the reference lies elsewhere."""
        lost = abs(told - self._followed_samples - shift) > LOST_SAMPLES
        if not lost and self._jumped_blocks < _JUMPED_BLOCKS:
            return False
        if self._followed_samples and abs(told - shift) <= _JUMP_SAMPLES:
            self._followed_samples = 0  # the echo had told it before
            return False
        return True

    def _moved(self) -> None:
        self.moved_blocks = self._later_blocks
        self._later_blocks = self._echo_later_samples = 0
        self.lead.begin_anew()
