"""What the microphone has given, as one line of samples in the ring's frames."""

from pipeline.network.sent_reference import SentReference
from pipeline.network.turn_gate import Stretch
from pipeline.shm.frames import Frame
from pipeline.shm.ring import RingReader


class CapturedSound:
    """Finds what was captured by its position among all samples of the microphone.

    :param frame_samples: length of every frame.
    :param reference: what is sent as a second channel, if the service wants one.
    """

    def __init__(
        self, reader: RingReader, frame_samples: int, reference: SentReference | None = None
    ) -> None:
        self._reader = reader
        self._frame_samples = frame_samples
        self._reference = reference

    @property
    def start(self) -> int:
        """Position of the oldest frame that is kept."""
        return self._reader.position * self._frame_samples

    @property
    def end(self) -> int:
        """Position after the latest frame that capture has published."""
        return (self._reader.position + self._reader.fill_frames()) * self._frame_samples

    def keeps(self, captured_at_ns: int) -> bool:
        """Whether what was captured then is kept, or is still to come."""
        oldest = self._reader.front()
        return oldest is None or oldest.capture_time_ns <= captured_at_ns

    def stretch(self, position: int) -> Stretch | None:
        """Return where and when the frame at `position` was captured; None if not yet."""
        frame = self._frame(position)
        if frame is None:
            return None
        start = position - position % self._frame_samples
        return Stretch(start, start + self._frame_samples, frame.capture_time_ns)

    def pcm(self, position: int, most_samples: int) -> tuple[int, memoryview]:
        """Return the rest of a published frame: its length, and what the service gets of it.

        It may be a view of shared memory.
        """
        frame = self._frame(position)
        if frame is None:
            raise IndexError(f"sample {position} is not published yet")
        offset = position % self._frame_samples
        samples = frame.samples[offset : offset + most_samples]
        if self._reference is None:
            return len(samples), samples.data
        both = self._reference.beside(samples, frame.item_offset_samples, offset)
        return len(samples), both.data

    def release(self, position: int) -> None:
        """Give the frames before `position` back to the ring."""
        self._reader.advance(position // self._frame_samples - self._reader.position)
        if self._reference is not None and (oldest := self._reader.front()) is not None:
            self._reference.release(oldest.item_offset_samples)

    def _frame(self, position: int) -> Frame | None:
        return self._reader.front(position // self._frame_samples - self._reader.position)
