"""How a frame of audio lies in the memory of a ring: a header and samples, in a slot."""

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.pcm import FRAME_SAMPLES, Samples
from pipeline.shm.atomics import SEPARATION_BYTES
from pipeline.shm.segment import Segment

FLAG_ITEM_END = 1
"""Marks the last frame of its answer item; the frame may be empty."""

FLAG_STREAM_START = 2
"""Marks the first frame of a stream: its time, and no count of samples, tells where it lies."""

SLOT = np.dtype(
    {
        "names": [
            "sequence", "generation", "item", "item_offset_samples", "capture_time_ns",
            "valid_samples", "flags", "samples",
        ],
        "formats": ["<u8", "<u8", "<u8", "<u8", "<i8", "<u4", "<u4", ("<i2", FRAME_SAMPLES)],
        "offsets": [0, 8, 16, 24, 32, 40, 44, 64],
        "itemsize": 2_496,
    }
)  # fmt: skip
"""One slot: 64 bytes of header, 2400 bytes of samples, padded to whole 64-byte cache lines."""

_HEADER = struct.Struct("<4Qq2I")
"""All fields of a slot but its samples."""

SLOTS_OFFSET = 3 * SEPARATION_BYTES
"""Where the slots begin in a ring's segment, behind its indices."""


class Frame(NamedTuple):
    """A waiting frame, valid until its reader advances past it."""

    sequence: int
    """Index of the frame since the ring was created, from 0."""
    generation: int
    """Number of interruptions before this frame's response was created."""
    item: int
    """Ordinal of the answer item, from 1; 0 for microphone frames."""
    item_offset_samples: int
    """Position of the first sample within its answer item, or within all that the microphone has
    given or the loudspeaker was given."""
    capture_time_ns: int
    """``time.monotonic_ns`` at which the first sample was captured or sounds; 0 for answers."""
    flags: int
    """FLAG_… bits."""
    samples: Samples
    """The valid samples, shape ``(n,)`` with 0 ≤ n ≤ 1200: a view of shared memory, not a copy."""

    @property
    def end_samples(self) -> int:
        """Position just after the last sample, as `item_offset_samples` counts."""
        return self.item_offset_samples + len(self.samples)


class Headers:
    """The headers of all slots, as tuples: `struct` takes a third of a numpy record's time."""

    def __init__(self, segment: Segment) -> None:
        self._buffer = segment.buffer

    def __getitem__(self, slot: int) -> tuple[int, ...]:
        return _HEADER.unpack_from(self._buffer, SLOTS_OFFSET + slot * SLOT.itemsize)

    def __setitem__(self, slot: int, header: tuple[int, ...]) -> None:
        _HEADER.pack_into(self._buffer, SLOTS_OFFSET + slot * SLOT.itemsize, *header)


def frame_of(header: tuple[int, ...], samples: Samples) -> Frame:
    """Return the frame that lies in a slot."""
    sequence, generation, item, offset, captured, count, flags = header
    # Not by `Frame(…)`, which is a Python function that calls this one.
    return tuple.__new__(
        Frame, (sequence, generation, item, offset, captured, flags, samples[:count])
    )


def slots_of(segment: Segment, capacity_frames: int) -> npt.NDArray[np.void]:
    """Return the memory of all slots as an array of `SLOT`."""
    return np.ndarray((capacity_frames,), SLOT, segment.buffer, SLOTS_OFFSET)
