"""Single-producer single-consumer ring of audio frames in shared memory.

    writer's process                                        reader's process
    ────────────────                                        ────────────────
    fill slot[written mod capacity]
    written ← written + 1   ── release ══▶ acquire ──       written → at least one frame
                                                            read slot[read mod capacity]
    read → room for a frame ── acquire ◀══ release ──       read ← read + 1

Two named sync points hold it together:

*publish*  ``written.store`` (writer) pairs with ``written.load`` (reader). It forbids the slot's
           payload to become visible after the index that announces it: a torn or stale frame.
*reclaim*  ``read.store`` (reader) pairs with ``read.load`` (writer). It forbids the reader's last
           look at a slot to happen after the writer was told that it may overwrite it.

Indices are 64-bit counts of frames that only grow; fill is ``written - read``, the slot is
``index mod capacity``, so full and empty need no extra flag. Each index has one writer, and the
two lie 128 bytes apart. An old answer stays safe: by the time it is used, the true number can only
be larger, of `free_frames` for the writer and of `fill_frames` for the reader. Neither side waits.

A frame that was looked at stays until the reader advances past it. Microphone frames stay after
they were sent, until the service has taken them for good (`network/send_window.py`): so they also
survive the reader's process, whose successor begins at ``read``.
"""

from typing import Self

import numpy as np

from pipeline.pcm import FRAME_SAMPLES, Samples
from pipeline.shm.atomics import SEPARATION_BYTES
from pipeline.shm.frames import SLOT, SLOTS_OFFSET, Frame, Headers, frame_of, slots_of
from pipeline.shm.segment import InSegment, Segment

_WRITTEN_OFFSET = 0  # written by the writer's process only
_READ_OFFSET = SEPARATION_BYTES  # written by the reader's process only
_CAPACITY_OFFSET = 2 * SEPARATION_BYTES  # written by the creator, before it tells the name


class FrameRing(InSegment):
    """The memory of a ring: created by its owner, attached elsewhere by name.

    Take the `writer` in exactly one process and the `reader` in exactly one other. Stop using
    frames and ends before the ring is closed.
    """

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment)
        self._ends: list[RingWriter | RingReader] = []

    @classmethod
    def create(cls, capacity_frames: int) -> Self:
        """Create an empty ring of `capacity_frames` ≥ 1 frames (2.5 kB each)."""
        if capacity_frames < 1:
            raise ValueError(f"a ring holds at least 1 frame, not {capacity_frames}")
        segment = Segment.create(SLOTS_OFFSET + capacity_frames * SLOT.itemsize)
        segment.word(_CAPACITY_OFFSET).store(capacity_frames)
        return cls(segment)

    @property
    def capacity_frames(self) -> int:
        return self._segment.word(_CAPACITY_OFFSET).load()

    def writer(self) -> "RingWriter":
        end = RingWriter(self._segment, self.capacity_frames)
        self._ends.append(end)
        return end

    def reader(self) -> "RingReader":
        end = RingReader(self._segment, self.capacity_frames)
        self._ends.append(end)
        return end

    def latest(self) -> Frame | None:
        """Return the frame that was published last, by whichever process; None if none was.

        For a process that looks at what another writes: it holds until the ring has gone round.
        """
        return self.published(self.written_frames - 1)

    @property
    def written_frames(self) -> int:
        """Number of frames that were published so far, by whichever process."""
        return self._segment.word(_WRITTEN_OFFSET).load()

    @property
    def read_frames(self) -> int:
        """Number of frames that were given back so far, by whichever process."""
        return self._segment.word(_READ_OFFSET).load()

    def published(self, index: int) -> Frame | None:
        """Return frame `index`, as `latest` does; None if it is not there yet, or no more."""
        if not max(0, self.written_frames - self.capacity_frames) <= index < self.written_frames:
            return None
        slot = index % self.capacity_frames
        samples = slots_of(self._segment, self.capacity_frames)["samples"]
        return frame_of(Headers(self._segment)[slot], samples[slot])

    def close(self) -> None:
        """Unmap the memory, and unlink it if this process created it."""
        while self._ends:
            self._ends.pop().release()
        super().close()


class RingWriter:
    """The producer's side, the only one that moves `written`."""

    def __init__(self, segment: Segment, capacity_frames: int) -> None:
        self._capacity = capacity_frames
        self._written = segment.word(_WRITTEN_OFFSET)
        self._read = segment.word(_READ_OFFSET)
        self._headers = Headers(segment)
        self._samples = slots_of(segment, capacity_frames)["samples"]
        self._next = self._written.load()

    @property
    def written_frames(self) -> int:
        """Number of frames that were published since the ring was created."""
        return self._next

    def latest(self) -> Frame | None:
        """Return the frame that was published last, by this process or another; None if none was.

        It is valid until the next `write`, also after its reader has given it back.
        """
        if not self._next:
            return None
        slot = (self._next - 1) % self._capacity
        return frame_of(self._headers[slot], self._samples[slot])

    def free_frames(self) -> int:
        """Return the number of frames that fit; the reader can only increase it."""
        # reclaim: acquire pairs with the release in RingReader.advance, so the reader is done
        # with every slot counted as free here.
        return self._capacity - (self._next - self._read.load())

    def write(
        self,
        samples: Samples,
        *,
        generation: int = 0,
        item: int = 0,
        item_offset_samples: int = 0,
        capture_time_ns: int = 0,
        flags: int = 0,
    ) -> bool:
        """Publish a frame of up to 1200 `samples`; return False if the ring is full.

        :raises ValueError: `samples` does not fit a frame.
        :raises struct.error: a number does not fit its field.
        """
        count = len(samples)
        if count > FRAME_SAMPLES:
            raise ValueError(f"a frame holds {FRAME_SAMPLES} samples, not {count}")
        if self.free_frames() <= 0:
            return False
        index = self._next
        slot = index % self._capacity
        self._samples[slot, :count] = samples
        self._headers[slot] = (
            index, generation, item, item_offset_samples, capture_time_ns, count, flags,
        )  # fmt: skip
        self._next = index + 1
        # publish: release pairs with the acquire in RingReader.fill_frames; the payload above
        # cannot become visible after the index.
        self._written.store(self._next)
        return True

    def release(self) -> None:
        """Drop the views of shared memory, so that it can be unmapped."""
        del self._headers, self._samples


class RingReader:
    """The consumer's side, the only one that moves `read`."""

    def __init__(self, segment: Segment, capacity_frames: int) -> None:
        self._capacity = capacity_frames
        self._written = segment.word(_WRITTEN_OFFSET)
        self._read = segment.word(_READ_OFFSET)
        slots = slots_of(segment, capacity_frames)
        self._headers = Headers(segment)
        self._samples = slots["samples"]
        self._generations = slots["generation"]
        self._next = self._read.load()

    @property
    def position(self) -> int:
        """Index of the oldest waiting frame: the number of frames given back so far."""
        return self._next

    def fill_frames(self) -> int:
        """Return the number of waiting frames; the writer can only increase it."""
        # publish: acquire pairs with the release in RingWriter.write, so every frame counted
        # here is complete.
        return self._written.load() - self._next

    def front(self, behind: int = 0) -> Frame | None:
        """Return the waiting frame `behind` the oldest, left in place; None if there is none."""
        if behind >= self._written.load() - self._next:  # as `fill_frames`
            return None
        slot = (self._next + behind) % self._capacity
        return frame_of(self._headers[slot], self._samples[slot])

    def waiting(self) -> list[Frame]:
        """Return all waiting frames, the oldest first, left in place."""
        frames = []
        for index in range(self._next, self._next + self.fill_frames()):
            slot = index % self._capacity
            frames.append(frame_of(self._headers[slot], self._samples[slot]))
        return frames

    def advance(self, frames: int = 1) -> None:
        """Give the oldest `frames` back to the writer, which may overwrite their samples.

        :raises ValueError: fewer are waiting.
        """
        if not 0 <= frames <= self.fill_frames():
            raise ValueError(f"cannot advance {frames} of {self.fill_frames()} waiting frames")
        self._next += frames
        # reclaim: release pairs with the acquire in RingWriter.free_frames; our reads of these
        # slots cannot happen after the writer sees them free.
        self._read.store(self._next)

    def skip_older(self, generation: int) -> int:
        """Advance past all leading frames of a generation below `generation`; return how many."""
        skipped = 0
        while fill := self.fill_frames():
            slot = self._next % self._capacity
            run = self._generations[slot : slot + min(fill, self._capacity - slot)]
            current = run >= generation
            stale = int(np.argmax(current)) if current.any() else len(run)
            self.advance(stale)
            skipped += stale
            if stale < len(run):
                break
        return skipped

    def release(self) -> None:
        """Drop the views of shared memory, so that it can be unmapped."""
        del self._headers, self._samples, self._generations
