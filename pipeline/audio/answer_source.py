"""Answer samples in playing order, from the playback ring, at 24 kHz or at the device's rate."""

from typing import NamedTuple, Protocol

import numpy as np
import soxr

from pipeline.pcm import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from pipeline.shm.frames import FLAG_ITEM_END, Frame
from pipeline.shm.ring import RingReader
from pipeline.shm.state import Position


class Answers(Protocol):
    """What is left to play."""

    @property
    def position(self) -> Position:
        """Place in the answers just after the latest sample that was taken."""

    def take(self, out: Samples) -> int:
        """Copy the next samples to the start of `out`; returns how many there were."""

    def give_back(self, handed: Position) -> None:
        """Give frames back to their writer: the device has all samples up to `handed`."""

    def discard(self, generation: int) -> int:
        """Drop everything older than `generation`; returns how many frames that was."""


_NOTHING_HANDED = Position(0, 0)


class Waiting(NamedTuple):
    """Samples that wait in the ring and may sound."""

    samples: int
    item: int
    """Item of the first sample; 0 if there is none."""
    ended: bool
    """Whether the last item is complete, so that no more samples of it follow."""


class RingAnswers:
    """Samples of the ring's frames, in order, whatever their lengths.

    Only frames of the generation last given to `discard` are taken; older ones are skipped. Newer
    ones wait until `discard` is called with their generation: a frame may become visible just after
    the generation was loaded, and would be counted as a part of the answer that is cut next.

    A frame stays in the ring until the device has all of it: another process that takes the place
    of this one goes on after the sample that was handed last.

    :param generation: of the latest cut that was carried out.
    :param handed: what the device had been given by the process before this one.
    """

    def __init__(
        self, reader: RingReader, generation: int = 0, handed: Position = _NOTHING_HANDED
    ) -> None:
        self._reader = reader
        self._generation = generation
        self._frame: Samples = np.zeros(FRAME_SAMPLES, np.int16)
        """Copy of the frame that was begun last."""
        self._taken = 0  # samples of it that were given
        self._rest = 0  # samples of it that were not
        self._begun_frames = 0  # at the front of the ring: copied, and not given back
        self._item = 0
        self._frame_offset_samples = 0  # of its first sample within the item
        self._ended = True
        self.position = handed
        self._resume()

    @property
    def empty(self) -> bool:
        """Whether there are no frames and no samples at all."""
        return not self._rest and self._reader.fill_frames() <= self._begun_frames

    @property
    def in_mid_item(self) -> bool:
        """Whether the latest sample that was given is followed by more of its item, for sure."""
        return self._rest > 0

    def take(self, out: Samples) -> int:
        """Copy the next samples to `out`. Ends of items that follow the last one are taken too."""
        filled = 0
        while self._rest or self._next_frame():
            count = min(self._rest, len(out) - filled)
            if not count:
                break
            start = self._taken
            out[filled : filled + count] = self._frame[start : start + count]
            self._taken = start + count
            self._rest -= count
            filled += count
        if filled:
            self.position = Position(self._item, self._frame_offset_samples + self._taken)
        return filled

    def waiting(self, most_samples: int) -> Waiting:
        """Look ahead by at least `most_samples`, as far as there are any."""
        samples, ended = self._rest, self._ended
        item = self._item if samples else 0
        if not samples:
            self._front()  # skips what is stale
        behind = self._begun_frames
        while samples < most_samples and (frame := self._reader.front(behind)) is not None:
            if frame.generation != self._generation:
                break
            samples += len(frame.samples)
            item = item or (frame.item if samples else 0)
            ended = bool(frame.flags & FLAG_ITEM_END)
            behind += 1
        return Waiting(samples, item, ended)

    def give_back(self, handed: Position) -> None:
        while self._begun_frames and (frame := self._reader.front()) and _end(frame) <= handed:
            self._reader.advance()
            self._begun_frames -= 1

    def discard(self, generation: int) -> int:
        self._generation = generation
        # All frames that were begun are given back; one that was not played to its end counts.
        self._reader.advance(self._begun_frames - int(self._rest > 0))
        self._begun_frames = self._rest = 0
        self._ended = True
        return self._reader.skip_older(generation)

    def _resume(self) -> None:
        """Go on after what was handed by the process before this one."""
        while (frame := self._front()) is not None and _end(frame) <= self.position:
            self._reader.advance()
        if frame is None or frame.item != self.position.item:
            return
        handed_samples = self.position.samples - frame.item_offset_samples
        if handed_samples > 0:
            self._begin(frame)
            self._taken += handed_samples
            self._rest -= handed_samples

    def _next_frame(self) -> bool:
        """Begin the next frame that has samples; False if none may sound now."""
        while (frame := self._front()) is not None:
            self._begin(frame)
            if self._rest:
                return True
            self.position = Position(self._item, self._frame_offset_samples)
        return False

    def _begin(self, frame: Frame) -> None:
        count = len(frame.samples)
        self._frame[:count] = frame.samples
        self._taken, self._rest = 0, count
        self._item, self._frame_offset_samples = frame.item, frame.item_offset_samples
        self._ended = bool(frame.flags & FLAG_ITEM_END)
        self._begun_frames += 1

    def _front(self) -> Frame | None:
        """The next frame, left in place; None if none may sound now."""
        frame = self._reader.front(self._begun_frames)
        if frame is not None and frame.generation < self._generation and not self._begun_frames:
            # Frames may have been written for an older generation after it was cut.
            self._reader.skip_older(self._generation)
            frame = self._reader.front()
        return frame if frame is not None and frame.generation == self._generation else None


def _end(frame: Frame) -> Position:
    """Place in the answers just after the last sample of `frame`."""
    return Position(frame.item, frame.item_offset_samples + len(frame.samples))


class ResampledAnswers:
    """The same, resampled for a device that does not accept 24 kHz.

    The resampler works ahead in blocks. This adds no latency: answers are in the ring long before
    they are due, and `discard` drops what the resampler holds.
    """

    _BLOCK_SAMPLES = 240

    def __init__(self, source: Answers, rate_hz: int) -> None:
        self._source = source
        self._rate_hz = rate_hz
        self._block = np.zeros(self._BLOCK_SAMPLES, np.int16)
        self._resampler = soxr.ResampleStream(SAMPLE_RATE_HZ, rate_hz, 1, dtype="int16")
        self._ready: Samples = np.zeros(0, np.int16)
        self._fed = False
        self._position = source.position

    @property
    def position(self) -> Position:
        return self._position

    def take(self, out: Samples) -> int:
        while len(self._ready) < len(out) and self._resample_next():
            pass
        count = min(len(self._ready), len(out))
        out[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        if count:
            self._note_position()
        return count

    def give_back(self, handed: Position) -> None:
        self._source.give_back(handed)

    def discard(self, generation: int) -> int:
        self._resampler.clear()
        self._ready = self._ready[:0]
        self._fed = False
        return self._source.discard(generation)

    def _resample_next(self) -> bool:
        """Make more samples ready; False if both the ring and the resampler are empty."""
        count = self._source.take(self._block)
        if count:
            self._fed = True
            self._append(self._resampler.resample_chunk(self._block[:count]))
        elif self._fed:
            # Without this, the end of an answer would stay in the resampler until the next answer.
            self._append(self._resampler.resample_chunk(self._block[:0], last=True))
            self._resampler.clear()
            self._fed = False
        else:
            return False
        return True

    def _append(self, samples: Samples) -> None:
        self._ready = np.concatenate((self._ready, samples))

    def _note_position(self) -> None:
        """Subtract what was taken from the source but not from here."""
        item, samples = self._source.position
        ahead = len(self._ready) * SAMPLE_RATE_HZ // self._rate_hz + self._inside_samples()
        self._position = Position(item, max(0, samples - ahead))

    def _inside_samples(self) -> int:
        """Source samples that are inside the resampler."""
        if not self._fed:
            return 0
        return int(self._resampler.delay()) * SAMPLE_RATE_HZ // self._rate_hz
