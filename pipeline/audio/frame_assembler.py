"""Collects periods of any length into frames of exact length."""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.pcm import (
    FRAME_SAMPLES,
    NS_PER_S,
    SAMPLE_BYTES,
    SAMPLE_RATE_HZ,
    Samples,
    samples_to_ns,
)
from pipeline.shm.fields import CaptureFields
from pipeline.shm.ring import RingWriter


class Sink(NamedTuple):
    """Where frames go."""

    writer: RingWriter
    wake: Callable[[], None]
    """Called after each frame."""
    frame_samples: int


class FrameAssembler:
    """Collects periods of any length into frames of equal length, each with its capture time.

    Call `push` from one thread: the stream's. Most calls only put a period aside; the call that
    completes a frame joins them.

    :param position_samples: microphone samples that were published before, in whatever frames.
    :param standstill_ns: the longest step between the capture times of two periods that counts as
        late, and not as a gap. None: there are no gaps, as in a recording.
    :param muted: whether the user has muted the microphone; its frames are silent then.

    A new process goes on where the words say that the one before it stood. The samples between are
    a gap, as after reopening a device.
    """

    def __init__(
        self,
        writer: RingWriter,
        words: CaptureFields,
        wake: Callable[[], None],
        frame_samples: int = FRAME_SAMPLES,
        *,
        standstill_ns: int | None = None,
        muted: Callable[[], object] = bool,
        position_samples: int = 0,
    ) -> None:
        self._words = words
        self.redirect(Sink(writer, wake, frame_samples), position_samples)
        self._periods = [b""]
        self._filled_bytes = 0
        self._captured_at_ns = words.captured_until_ns.load()  # first sample of the latest period
        self._reopened = False
        self._standstill_ns = standstill_ns or sys.maxsize
        self._muted = muted

    def redirect(self, sink: Sink, position_samples: int) -> None:
        """Publish elsewhere from now on; what waits for a whole frame goes there too."""
        self.sink = sink
        self._writer, self._wake, self._frame_samples = sink
        self._frame_bytes = self._frame_samples * SAMPLE_BYTES
        self._position_samples = position_samples

    def put_before(self, samples: Samples) -> None:
        """Take samples that were captured directly before those that wait for a whole frame.

        They have been published before, as blocks for the ears, and count once.
        """
        self._periods.insert(0, samples.tobytes())
        self._filled_bytes += len(samples) * SAMPLE_BYTES
        self._words.captured_samples.add(-len(samples))
        if self._filled_bytes >= self._frame_bytes:
            self._publish_frames()

    @property
    def position_samples(self) -> int:
        """Samples published so far, by all capture processes."""
        return self._position_samples

    def push(self, pcm: bytes, captured_at_ns: int) -> None:
        """Take the next samples, int16; the first of them was captured at `captured_at_ns`."""
        if self._reopened or captured_at_ns - self._captured_at_ns > self._standstill_ns:
            self._reopened = False
            self._note_gap(captured_at_ns)
        self._captured_at_ns = captured_at_ns
        self._periods.append(pcm)
        self._filled_bytes += len(pcm)
        if self._filled_bytes >= self._frame_bytes:
            self._publish_frames()

    def reopened(self) -> None:
        """Count the time until the next `push` as lost. Call it before a new stream starts."""
        self._reopened = True

    def _note_gap(self, captured_at_ns: int) -> None:
        if not self._captured_at_ns:
            return
        end_ns = self._captured_at_ns + samples_to_ns(len(self._periods[-1]) // SAMPLE_BYTES)
        gap_ns = max(0, captured_at_ns - end_ns)
        self._words.gap_samples.add(gap_ns * SAMPLE_RATE_HZ // NS_PER_S)

    def _publish_frames(self) -> None:
        """Publish the whole frames and keep the rest."""
        before_samples = (self._filled_bytes - len(self._periods[-1])) // SAMPLE_BYTES
        start_ns = self._captured_at_ns - samples_to_ns(before_samples)
        samples = np.frombuffer(b"".join(self._periods), np.int16)
        if self._muted():
            samples = np.zeros_like(samples)
        whole = len(samples) - len(samples) % self._frame_samples
        for start in range(0, whole, self._frame_samples):
            frame = samples[start : start + self._frame_samples]
            self._publish(frame, start_ns + samples_to_ns(start))
        rest = samples[whole:].tobytes()
        self._periods, self._filled_bytes = [rest], len(rest)
        self._captured_at_ns = start_ns + samples_to_ns(whole)
        self._words.captured_samples.add(whole)
        self._words.captured_until_ns.store(self._captured_at_ns)
        self._words.callback_ns.store(time.monotonic_ns())

    def _publish(self, frame: Samples, captured_at_ns: int) -> None:
        written = self._writer.write(
            frame, item_offset_samples=self._position_samples, capture_time_ns=captured_at_ns
        )
        if written:
            self._position_samples += len(frame)
            self._wake()
        else:
            self._words.lost_samples.add(len(frame))
