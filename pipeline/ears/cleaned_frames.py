"""The microphone's blocks on their way through the ears: blocks in, frames out, in order.

A block stays in the raw ring until the frame that holds it is published, and each frame says where
it begins: whoever goes on after this process died neither loses nor doubles a sample.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.pcm import BLOCK_SAMPLES, Samples
from pipeline.shm.frames import Frame
from pipeline.shm.ring import RingReader, RingWriter


class Outgoing(NamedTuple):
    """What becomes of a block."""

    samples: Samples
    reference: Samples
    """What sounds beside it."""


class CleanedFrames:
    """Begin only when the microphone has been given to this process.

    :param wake: called after each frame.
    :param references: takes what sounds beside each frame, if it is wanted.
    """

    def __init__(
        self,
        raw: RingReader,
        frames: RingWriter,
        frame_samples: int,
        wake: Callable[[], None],
        references: RingWriter | None = None,
    ) -> None:
        self._raw = raw
        self._frames = frames
        self._references = references
        self._blocks_per_frame = frame_samples // BLOCK_SAMPLES
        self._wake = wake
        self._heard: list[Outgoing] = []
        self._taken = 0  # blocks that are left in the raw ring, with the ears or cleaned
        latest = frames.latest()
        while latest and (block := raw.front()) and block.end_samples <= latest.end_samples:
            raw.advance()

    @property
    def missing_blocks(self) -> int:
        """Number of blocks that the next frame lacks."""
        return self._blocks_per_frame - len(self._heard)

    def next_block(self) -> Frame | None:
        """Take the next block, to be heard; None if there is none, or no room for what was heard.

        It is valid until the next call.
        """
        block = self._raw.front(self._taken) if self._publish() else None
        if block is not None:
            self._taken += 1
        return block

    def put(self, outgoing: Outgoing) -> None:
        """Take what becomes of a block, in their order; some blocks may still be with the ears."""
        self._heard.append(outgoing)
        self._publish()

    def _publish(self) -> bool:
        """Publish the whole frames; False if there is no room: then blocks wait in the raw ring."""
        while len(self._heard) >= self._blocks_per_frame:
            first = self._raw.front()
            if first is None or self._frames.free_frames() <= 0:
                return False
            self._publish_frame(first)
        return True

    def _publish_frame(self, first: Frame) -> None:
        """Publish the frame that begins with the block `first`."""
        count = self._blocks_per_frame
        blocks, self._heard = self._heard[:count], self._heard[count:]
        position = first.item_offset_samples
        if self._references is not None:
            # Before the frame: the network looks for it when it sees the frame. What finds no room
            # is silence to the service.
            reference = np.concatenate([block.reference for block in blocks])
            self._references.write(reference, item_offset_samples=position)
        self._frames.write(
            np.concatenate([block.samples for block in blocks]),
            item_offset_samples=position,
            capture_time_ns=first.capture_time_ns,
        )
        self._raw.advance(count)
        self._taken -= count
        self._wake()
