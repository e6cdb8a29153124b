"""The shared state: words that one process writes and all read.

Each word lies in the block of its writer, and blocks lie 128 bytes apart. Values that belong
together are packed in one word (heard position) or announced by a word stored after them (a cut).
"""

from dataclasses import fields
from typing import NamedTuple, Self, TypeVar

from pipeline.shm.atomics import SEPARATION_BYTES, WORD_BYTES
from pipeline.shm.fields import (
    CaptureFields,
    EarsFields,
    NetworkFields,
    PlaybackFields,
    ProgramFields,
    RecorderFields,
    SupervisorFields,
)
from pipeline.shm.segment import InSegment, Segment
from pipeline.structs import Struct

_POSITION_SAMPLES_BITS = 40  # 530 days at 24 kHz; leaves 16 million items


class Position(NamedTuple):
    """A place in the answers: `samples` of the answer item with ordinal `item` (0: none yet)."""

    item: int
    samples: int

    def packed(self) -> int:
        """Return both numbers in one word, so that a reader never sees half of a change."""
        return self.item << _POSITION_SAMPLES_BITS | self.samples

    @classmethod
    def unpacked(cls, word: int) -> Self:
        return cls(word >> _POSITION_SAMPLES_BITS, word & ((1 << _POSITION_SAMPLES_BITS) - 1))


class LevelReading(NamedTuple):
    """The microphone's level, looked at a few times a second."""

    number: int
    """Of readings so far; 0: there was none yet."""
    peak: int
    """Greatest magnitude in the latest frame, 0 to 32768."""
    clips: bool
    """Whether that frame is clipped."""

    def packed(self) -> int:
        """Return all three in one word."""
        return self.number << 17 | self.clips << 16 | self.peak

    @classmethod
    def unpacked(cls, word: int) -> Self:
        return cls(word >> 17, word & 0xFFFF, bool(word >> 16 & 1))


class CutReport(NamedTuple):
    """Playback's report about an interruption."""

    generation: int
    """The generation that silenced all older ones."""
    heard: Position
    """End of what has sounded or is with the device; nothing after it will sound."""
    time_ns: int
    """``time.monotonic_ns`` at which the last sample of the old answer leaves the loudspeaker."""
    discarded_frames: int
    """Frames skipped unheard."""


_Block = TypeVar("_Block", bound=Struct)
_BLOCK_BYTES = 3 * SEPARATION_BYTES  # room for 32 words, and a free 128 bytes after them


class SharedState(InSegment):
    """The shared words, grouped by the process that writes them."""

    _BLOCKS = (
        SupervisorFields,
        CaptureFields,
        NetworkFields,
        PlaybackFields,
        EarsFields,
        ProgramFields,
        RecorderFields,
    )

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment)
        self.supervisor = self._block(SupervisorFields)
        self.capture = self._block(CaptureFields)
        self.network = self._block(NetworkFields)
        self.playback = self._block(PlaybackFields)
        self.ears = self._block(EarsFields)
        self.program = self._block(ProgramFields)
        self.recorder = self._block(RecorderFields)

    @classmethod
    def create(cls) -> Self:
        """Create shared state, every word 0."""
        return cls(Segment.create(len(cls._BLOCKS) * _BLOCK_BYTES))

    def publish_cut(self, cut: CutReport) -> None:
        """Publish what an interruption left heard. Only for playback."""
        words = self.playback
        # cut: every store here is a release and every load in latest_cut an acquire, so they
        # happen in the order written. A reader that sees any word of this cut sees `cut_begun`,
        # and a reader that sees `cut_generation` sees all of them.
        words.cut_begun.store(cut.generation)
        words.cut_heard.store(cut.heard.packed())
        words.cut_time_ns.store(cut.time_ns)
        words.cut_discarded_frames.store(cut.discarded_frames)
        words.cut_generation.store(cut.generation)

    def latest_cut(self) -> CutReport | None:
        """Return the latest cut, of generation 0 if there was none yet.

        None while playback publishes a newer one.
        """
        words = self.playback
        # cut: `cut_generation` first and `cut_begun` last, the reverse of publish_cut: equal
        # numbers mean that nothing between them changed meanwhile.
        generation = words.cut_generation.load()
        heard = Position.unpacked(words.cut_heard.load())
        time_ns = words.cut_time_ns.load()
        discarded_frames = words.cut_discarded_frames.load()
        if words.cut_begun.load() != generation:
            return None
        return CutReport(generation, heard, time_ns, discarded_frames)

    def _block(self, kind: type[_Block]) -> _Block:
        start = self._BLOCKS.index(kind) * _BLOCK_BYTES
        names = [field.name for field in fields(kind)]
        return kind(**{n: self._segment.word(start + i * WORD_BYTES) for i, n in enumerate(names)})
