"""The program's end of the ring that takes the place of a microphone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pipeline.audio.program_card import RING_FRAMES, ProgramCard
from pipeline.audio.selection import DeviceChoice
from pipeline.pcm import FRAME_SAMPLES, Samples, samples_to_ns
from pipeline.shm.frames import FLAG_ITEM_END
from pipeline.shm.ring import FrameRing, RingWriter

_NO_SAMPLES = np.zeros(0, np.int16)


class MicrophoneEnd:
    """Where the program puts what its microphone hears. No method waits.

    :param rate_hz: of the mono samples.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.closed = False
        self._writer: RingWriter | None = None
        self._written_samples = 0
        self._lock = threading.Lock()

    def write(self, samples: Samples, captured_at_ns: int) -> int:
        """Write as many of `samples` as there is room for; returns how many."""
        done = 0
        with self._lock:
            while self._writer is not None and done < len(samples):
                frame = samples[done : done + FRAME_SAMPLES]
                written = self._writer.write(
                    frame,
                    item_offset_samples=self._written_samples,
                    capture_time_ns=captured_at_ns + samples_to_ns(done, self.rate_hz),
                )
                if not written:
                    break
                done += len(frame)
                self._written_samples += len(frame)
        return done

    def end(self) -> bool:
        """Mark the end of the sound; False if there is no room for the mark yet."""
        with self._lock:
            return self._writer is not None and self._writer.write(
                _NO_SAMPLES, item_offset_samples=self._written_samples, flags=FLAG_ITEM_END
            )

    @property
    def open(self) -> bool:
        """Whether there is a ring now."""
        return self._writer is not None

    def close(self) -> None:
        """Take nothing any more."""
        with self._lock:
            self._writer = None
        self.closed = True

    @contextmanager
    def opened(self) -> Iterator[DeviceChoice]:
        """Make the ring; yields the card to be opened at its other end."""
        with FrameRing.create(RING_FRAMES) as ring:
            card = ProgramCard("the program's microphone", ring.name, self.rate_hz)
            with self._lock:
                self._writer = ring.writer()
            try:
                yield DeviceChoice(card)
            finally:
                self.close()
