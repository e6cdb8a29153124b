"""The microphone's blocks on their way through the ears: blocks in, frames out, in order.

A block stays in the raw ring until the frame that holds it is published, and each frame says where
it begins: whoever goes on after this process died neither loses nor doubles a sample.
"""

from collections.abc import Callable

import numpy as np

from pipeline.pcm import BLOCK_SAMPLES, Samples
from pipeline.shm.ring import Frame, RingReader, RingWriter


class CleanedFrames:
    """Begin only when the microphone has been given to this process.

    :param wake: called after each frame.
    """

    def __init__(
        self, raw: RingReader, frames: RingWriter, frame_samples: int, wake: Callable[[], None]
    ) -> None:
        self._raw = raw
        self._frames = frames
        self._blocks_per_frame = frame_samples // BLOCK_SAMPLES
        self._wake = wake
        self._cleaned: list[Samples] = []
        self._taken = 0  # blocks that are left in the raw ring, with the ears or cleaned
        latest = frames.latest()
        while latest and (block := raw.front()) and block.end_samples <= latest.end_samples:
            raw.advance()

    def next_block(self) -> Frame | None:
        """Take the next block, to be heard; None if there is none, or no room for what was heard.

        It is valid until the next call.
        """
        block = self._raw.front(self._taken) if self._publish() else None
        if block is not None:
            self._taken += 1
        return block

    def put(self, cleaned: Samples) -> None:
        """Take what becomes of a block, in their order; some blocks may still be with the ears."""
        self._cleaned.append(cleaned)
        self._publish()

    def _publish(self) -> bool:
        """Publish a whole frame; False if there is no room: then blocks wait in the raw ring."""
        count = len(self._cleaned)
        if count < self._blocks_per_frame:
            return True
        first = self._raw.front()
        published = first is not None and self._frames.write(
            np.concatenate(self._cleaned),
            item_offset_samples=first.item_offset_samples,
            capture_time_ns=first.capture_time_ns,
        )
        if published:
            self._raw.advance(count)
            self._taken -= count
            self._cleaned.clear()
            self._wake()
        return published
