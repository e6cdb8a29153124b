"""Answer audio on its way to the playback ring."""

from collections import deque

import numpy as np

from pipeline.network.actions import EndItem, QueueAudio
from pipeline.network.items import QueuedEnd
from pipeline.pcm import FRAME_SAMPLES, PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ
from pipeline.shm.frames import FLAG_ITEM_END
from pipeline.shm.ring import RingWriter


class Downlink:
    """Cuts answers into frames, and keeps those that do not fit into the ring.

    The last frame of a delta may be short: holding it back for the next delta would cost latency
    and save only a few slots.

    :ivar lost_samples: dropped because half an hour of answer was waiting already.
    """

    WAITING_SAMPLES_LIMIT = 30 * 60 * SAMPLE_RATE_HZ
    """86 MB. Bounds memory; the service's answers are shorter."""

    def __init__(self, writer: RingWriter) -> None:
        self._writer = writer
        self._waiting: deque[QueueAudio | EndItem] = deque()
        self._waiting_samples = 0
        self._written_samples = 0  # of the front of `_waiting`, already in the ring
        self.lost_samples = 0

    @property
    def waiting(self) -> bool:
        """Whether `pump` has something left to do."""
        return bool(self._waiting)

    def queued_end(self) -> QueuedEnd:
        """Return where the answers end that are in the ring, written by any process."""
        frame = self._writer.latest()
        if frame is None:
            return QueuedEnd(0, 0, 0, complete=True)
        return QueuedEnd(
            frame.item,
            frame.generation,
            frame.item_offset_samples + len(frame.samples),
            complete=bool(frame.flags & FLAG_ITEM_END),
        )

    def put(self, piece: QueueAudio | EndItem) -> None:
        """Queue the next piece of an answer and publish what fits."""
        samples = _length_samples(piece)
        if self._waiting_samples + samples > self.WAITING_SAMPLES_LIMIT:
            self.lost_samples += samples
            return
        self._waiting.append(piece)
        self._waiting_samples += samples
        self.pump()

    def drop_older(self, generation: int) -> None:
        """Drop what waits for older generations; the ring's stale frames are playback's."""
        front = self._waiting[0] if self._waiting else None
        self._waiting = deque(p for p in self._waiting if p.generation >= generation)
        if not self._waiting or self._waiting[0] is not front:
            self._written_samples = 0
        self._waiting_samples = sum(map(_length_samples, self._waiting))

    def pump(self) -> None:
        """Publish waiting frames until the ring is full."""
        while self._waiting and self._publish(self._waiting[0]):
            piece = self._waiting.popleft()
            self._waiting_samples -= _length_samples(piece)
            self._written_samples = 0

    def _publish(self, piece: QueueAudio | EndItem) -> bool:
        """Write the rest of `piece`; False if the ring was full before its end."""
        match piece:
            case QueueAudio(item, generation, offset_samples, pcm):
                samples = np.frombuffer(pcm, PCM16)
                while self._written_samples < len(samples):
                    start = self._written_samples
                    frame = samples[start : start + FRAME_SAMPLES]
                    if not self._writer.write(
                        frame,
                        generation=generation,
                        item=item,
                        item_offset_samples=offset_samples + start,
                    ):
                        return False
                    self._written_samples += len(frame)
                return True
            case EndItem(item, generation, offset_samples):
                return self._writer.write(
                    _NO_SAMPLES,
                    generation=generation,
                    item=item,
                    item_offset_samples=offset_samples,
                    flags=FLAG_ITEM_END,
                )


_NO_SAMPLES = np.zeros(0, PCM16)


def _length_samples(piece: QueueAudio | EndItem) -> int:
    return len(piece.pcm) // SAMPLE_BYTES if isinstance(piece, QueueAudio) else 0
