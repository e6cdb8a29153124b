"""What a player renders, on its way to the program: blocks that say where in an answer they lie."""

from collections.abc import Callable

import numpy as np

from pipeline.audio.program_card import FLAG_DROP, ProgramCard
from pipeline.pcm import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from pipeline.shm.fields import PlaybackFields, ProgramFields
from pipeline.shm.ring import RingWriter
from pipeline.shm.state import Position

_NO_SAMPLES = np.zeros(0, np.int16)
_SPARE_FRAMES = 3
"""For the two ends of a period in which an answer ends, and for an interruption."""


class Outlet:
    """Publishes blocks for the program. Call it from one thread: the stream's.

    Places in an answer are counted here in samples at the program's rate. At another rate than
    24 kHz, the resampler's delay makes the place of a block uncertain by some samples; blocks of an
    answer follow each other without a gap all the same.

    :param wake: called after each block.
    :param words: say where the process before this one stood.
    """

    def __init__(
        self,
        writer: RingWriter,
        wake: Callable[[], None],
        card: ProgramCard,
        words: PlaybackFields,
        program: ProgramFields,
    ) -> None:
        self.confirms = card.confirms
        self._writer = writer
        self._wake = wake
        self._rate_hz = card.rate_hz
        self._silence = card.silence
        self._uncertain = 0 if card.rate_hz == SAMPLE_RATE_HZ else card.rate_hz // 1_000
        self._given_samples = words.given_samples
        self._load_confirmed = program.confirmed.load
        self._handed = Position.unpacked(words.handed.load())
        self._item = self._handed.item
        self._end = self._at_rate(self._handed.samples)
        self._cut_item = 0  # this item and those before it are settled: what was heard of them
        self._cut_heard = Position(0, 0)
        self._cut_place = Position(0, 0)
        self._drop: tuple[int, Position] | None = None

    def has_room(self, samples: int) -> bool:
        """Whether a period of this length can be put."""
        if self._drop is not None:
            self._publish_drop()
        return self._writer.free_frames() >= samples // FRAME_SAMPLES + _SPARE_FRAMES

    def put(self, period: Samples, filled: int, position: Position, *, fading_out: bool) -> None:
        """Publish a period.

        :param filled: how many samples are of answers; silence follows them.
        :param position: place in the answers after them.
        :param fading_out: whether they begin with a fade-out, which `position` may not count.
        """
        if filled:
            self._put_answers(period[:filled], position, fading_out=fading_out)
        if self._silence and filled < len(period):
            self._publish(period[filled:], Position(0, 0))
        self._given_samples.add(len(period) if self._silence else filled)

    def heard(self) -> Position:
        """Return the place in the answers that the program has confirmed, at 24 kHz."""
        confirmed = Position.unpacked(self._load_confirmed())
        if confirmed.item <= self._cut_item:
            return self._cut_heard
        if confirmed >= (self._item, self._end):
            return self._handed
        samples = confirmed.samples * SAMPLE_RATE_HZ // self._rate_hz
        return min(Position(confirmed.item, samples), self._handed)

    def cut(self, generation: int, position: Position, tail_samples: int) -> Position:
        """Tell the program of an interruption; returns the place up to which counts as heard.

        :param position: place after the fade-out.
        :param tail_samples: length of the fade-out that is still to be put.
        """
        if self.confirms:
            confirmed = Position.unpacked(self._load_confirmed())
            if confirmed.item > self._cut_item:
                self._cut_place = min(confirmed, Position(self._item, self._end))
            position = self.heard()
            self._cut_item, self._cut_heard = self._item, position
        else:
            self._cut_place = Position(self._item, self._end + tail_samples)
        self._drop = (generation, self._cut_place)
        self._publish_drop()
        return position

    def _put_answers(self, samples: Samples, position: Position, *, fading_out: bool) -> None:
        end = self._at_rate(position.samples)
        if position.item != self._item:
            before = len(samples) - end  # samples of the item before
            if before > self._uncertain and self._item:
                self._put_item(samples[:before])
                samples = samples[before:]
            start = end - len(samples)
            self._item, self._end = position.item, start if start > self._uncertain else 0
        elif not fading_out and abs(end - len(samples) - self._end) > self._uncertain:
            self._end = max(0, end - len(samples))  # a hold has gone back to where it began
        self._put_item(samples)
        self._handed = position

    def _put_item(self, samples: Samples) -> None:
        self._publish(samples, Position(self._item, self._end))
        self._end += len(samples)

    def _publish(self, samples: Samples, place: Position) -> None:
        for start in range(0, len(samples), FRAME_SAMPLES):
            self._writer.write(
                samples[start : start + FRAME_SAMPLES],
                item=place.item,
                item_offset_samples=place.samples + start,
            )
        self._wake()

    def _publish_drop(self) -> None:
        """Publish the latest interruption; if there is no room, it waits for `has_room`."""
        if self._drop is None:
            return
        generation, place = self._drop
        written = self._writer.write(
            _NO_SAMPLES,
            generation=generation,
            item=place.item,
            item_offset_samples=place.samples,
            flags=FLAG_DROP,
        )
        if written:
            self._drop = None
            self._wake()

    def _at_rate(self, samples: int) -> int:
        return samples * self._rate_hz // SAMPLE_RATE_HZ
