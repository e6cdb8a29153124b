"""What the loudspeaker sounded and is about to sound, as a line of samples at 24 kHz."""

import numpy as np
import soxr

from pipeline.pcm import SAMPLE_RATE_HZ, Samples
from pipeline.shm.frames import Frame

_LENGTH = 1 << 16
"""2.7 s: longer than any latency of a card."""


class ReferenceLine:
    """Keeps the latest 2.7 s. Silence is not written: it is what lies between.

    :ivar written_until: end of what was written, as a position at 24 kHz.
    :ivar wanted_until: end of what should have been written by now.
    """

    def __init__(self) -> None:
        self._samples = np.zeros(_LENGTH, np.int16)
        self.written_until = 0
        self.wanted_until = 0

    def write(self, start: int, samples: Samples) -> int:
        """Put `samples` at position `start`; returns by how many samples they came too late.

        Not positive: nothing behind `start` has been wanted.
        """
        if not self.written_until - _LENGTH < start < self.written_until + _LENGTH:
            self._samples[:] = 0
        elif start > self.written_until:
            self._put(self.written_until, np.zeros(start - self.written_until, np.int16))
        self._put(start, samples)
        self.written_until = start + len(samples)
        return self.wanted_until - start

    def read(self, start: int, count: int) -> Samples:
        """Return `count` samples from position `start`; zeros where nothing was written."""
        self.wanted_until = max(self.wanted_until, start + count)
        return self.kept(start, count)

    def kept(self, start: int, count: int) -> Samples:
        """As `read`, of what need not have come in time."""
        is_kept = start > self.written_until - _LENGTH
        known = min(self.written_until - start, count) if is_kept else 0
        at = start % _LENGTH
        if known == count <= _LENGTH - at:
            return self._samples[at : at + count].copy()
        out = np.zeros(count, np.int16)
        if known > 0:
            first = min(known, _LENGTH - at)
            out[:first] = self._samples[at : at + first]
            out[first:known] = self._samples[: known - first]
        return out

    def _put(self, start: int, samples: Samples) -> None:
        at = start % _LENGTH
        first = _LENGTH - at
        if len(samples) <= first:
            self._samples[at : at + len(samples)] = samples
        else:
            self._samples[at:] = samples[:first]
            self._samples[: len(samples) - first] = samples[first:]


class ReferenceRate:
    """Puts periods of the loudspeaker's own rate in their places at 24 kHz.

    Periods that follow each other directly are converted as one sound.
    """

    def __init__(self) -> None:
        self._rate_hz = SAMPLE_RATE_HZ
        self._resampler: soxr.ResampleStream | None = None
        self._next = -1  # position at which a period follows the one before, at the speaker's rate
        self._end = 0  # of what was converted, at 24 kHz

    def place(self, frame: Frame, rate_hz: int) -> tuple[int, Samples]:
        """Return the position of the first sample at 24 kHz, and the samples."""
        if rate_hz == SAMPLE_RATE_HZ:
            return frame.item_offset_samples, frame.samples
        if self._resampler is None or rate_hz != self._rate_hz:
            self._rate_hz, self._next = rate_hz, -1
            self._resampler = soxr.ResampleStream(
                rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16", quality="QQ"
            )
        if frame.item_offset_samples != self._next:
            self._resampler.clear()
            self._end = frame.item_offset_samples * SAMPLE_RATE_HZ // rate_hz
        self._next = frame.end_samples
        start, converted = self._end, self._resampler.resample_chunk(frame.samples)
        self._end += len(converted)
        return start, converted
