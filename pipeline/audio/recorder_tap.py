"""What passes a card, for the recorder: periods of sound in frames, and the times of silence.

A place that no frame covers is silent. A recorder that stands still or has died stalls nothing: a
full ring drops frames and counts them. Positions count all samples of all streams, so what was
dropped leaves a hole of the right length.
"""

import numpy as np

from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, Samples, samples_to_ns
from pipeline.shm.atomics import Word
from pipeline.shm.frames import FLAG_STREAM_START
from pipeline.shm.ring import RingWriter

_STANDSTILL_NS = NS_PER_S // 4
"""A frame holds no pause: its time is that of its first sample alone."""


class RecorderTap:
    """Takes periods at `rate_hz`. An audio callback may call it: most calls put a period aside.

    Frames are up to 50 ms long at 24 kHz, because publishing one costs more than all of its
    periods. No period is early, so the earliest of a frame tells its time.

    :param unrecorded_frames: counts what was dropped.
    """

    def __init__(self, writer: RingWriter, unrecorded_frames: Word, rate_hz: int) -> None:
        self._writer = writer
        self._unrecorded_frames = unrecorded_frames
        self._rate_hz = rate_hz
        latest = writer.latest()
        self._position = latest.end_samples if latest else 0  # of what waits, and of what comes
        self._flags = FLAG_STREAM_START
        self._periods: list[bytes] = []  # empty if what waits is silent
        self._waiting_samples = 0
        self._time_ns = 0  # of the first sample that waits
        self._item: int | None = 0  # None: what waits is silent

    def stream_starts(self, rate_hz: int) -> None:
        """Let the time of the next period tell where it lies. Call this before a stream starts."""
        self.publish()
        self._rate_hz = rate_hz
        self._flags = FLAG_STREAM_START

    def put(self, period: Samples, time_ns: int, *, item: int = 0) -> None:
        """Take a period; its first sample was captured, or sounds, at `time_ns`.

        :param item: ordinal of the answer item that sounds; 0: none does.
        """
        if len(period) > FRAME_SAMPLES:  # periods of 40 ms at 48 kHz
            self.put(period[:FRAME_SAMPLES], time_ns, item=item)
            time_ns += samples_to_ns(FRAME_SAMPLES, self._rate_hz)
            self.put(period[FRAME_SAMPLES:], time_ns, item=item)
            return
        self._append(len(period), time_ns, item)
        self._periods.append(period.tobytes())

    def put_silence(self, period: Samples, time_ns: int) -> None:
        """Take the time of a period that is silent, or that is to be."""
        self._append(len(period), time_ns, None)

    def publish(self) -> None:
        """Publish what waits. Call it when a stream has been closed."""
        if not self._waiting_samples:
            return
        written = self._writer.write(
            np.frombuffer(b"".join(self._periods), np.int16),
            item=self._item or 0,
            item_offset_samples=self._position,
            capture_time_ns=self._time_ns,
            flags=self._flags,
        )
        if written:
            self._flags = 0
        else:
            self._unrecorded_frames.add(1)
        self._position += self._waiting_samples
        self._periods.clear()
        self._waiting_samples = 0

    def _append(self, samples: int, time_ns: int, item: int | None) -> None:
        """Make room for a period in the frame that waits, or begin another."""
        begin_ns = time_ns - samples_to_ns(self._waiting_samples, self._rate_hz)
        if (
            item != self._item
            or self._waiting_samples + samples > FRAME_SAMPLES
            or begin_ns - self._time_ns > _STANDSTILL_NS
        ):
            self.publish()
            begin_ns = time_ns
        if not self._waiting_samples:
            self._time_ns, self._item = begin_ns, item
        self._time_ns = min(self._time_ns, begin_ns)
        self._waiting_samples += samples
