"""The shared state: words that one process writes and all read.

Each word lies in the block of its writer, and blocks lie 128 bytes apart. Values that belong
together are packed in one word (heard position) or announced by a word stored after them (a cut).
"""

from dataclasses import fields
from typing import NamedTuple, Self, TypeVar

from pipeline.shm.atomics import SEPARATION_BYTES, WORD_BYTES, Word
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


class SupervisorFields(Struct):
    """Written by the supervisor."""

    stop: Word
    """1: fade out and end."""
    finished: Word
    """1: the conversation has ended as it should."""
    muted: Word
    """1: silence takes the place of what the microphone hears."""
    ears: Word
    """Number of the ears process that lives, from 1; 0: there is none. The numbers before it have
    ended for sure: they write nothing any more."""


class CaptureFields(Struct):
    """Written by the capture process."""

    captured_samples: Word
    """Samples taken from the microphone, in whole frames, lost ones included."""
    lost_samples: Word
    """Samples dropped because the ring was full."""
    gap_samples: Word
    """Samples that passed while the card was being reopened."""
    input_overruns: Word
    """Periods that the card reported as lost."""
    ended: Word
    """1: a recorded input has ended and every frame of it is published."""
    clock_start_ns: Word
    """``time.monotonic_ns`` of a recorded input's first sample; a new process keeps the clock."""
    captured_until_ns: Word
    """``time.monotonic_ns`` at which the samples end that were put into frames."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""
    callback_ns: Word
    """``time.monotonic_ns`` of the latest frame: the microphone works."""
    level: Word
    """Packed `LevelReading`; 0 for a recorded input."""
    route: Word
    """Number of the ears process that gets the microphone in blocks, and alone writes the frames.
    0: capture writes them itself."""
    unrecorded_frames: Word
    """Frames that the recorder does not get, because its ring was full."""


class NetworkFields(Struct):
    """Written by the network process."""

    generation: Word
    """Number of interruptions so far. Playback drops every frame of a smaller generation."""
    ready: Word
    """1: the session is configured and hears the microphone."""
    sent_samples: Word
    """Microphone samples handed to the service; those that a later session was sent again too."""
    released_samples: Word
    """Microphone samples that no session needs any more, counted from the first in the ring. Stored
    before the ring's `read`, which is the frame that this sample lies in."""
    lost_samples: Word
    """Microphone samples given up because the service was away for too long."""
    speech_heard_ns: Word
    """``time.monotonic_ns`` at which the service's latest `speech_started` was read."""
    interrupted_ns: Word
    """``time.monotonic_ns`` just before the generation grew last."""
    round_trip_ns: Word
    """From a ping to the service to its answer, the latest; 0: there was none yet."""
    session_ends_ns: Word
    """``time.monotonic_ns`` from which the next session may take over; 0: there is no session."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""


class PlaybackFields(Struct):
    """Written by the playback process."""

    heard: Word
    """Packed `Position` of the latest sample that has left the loudspeaker."""
    handed: Word
    """Packed `Position` of the latest sample handed to the device."""
    played_samples: Word
    """Answer samples handed to the device, of all items."""
    underruns: Word
    """Pauses inside answers, because the next samples came too late."""
    playout_delay_ns: Word
    """How long an answer waits before it sounds, while the service is not ahead of real time."""
    playout_waited_ns: Word
    """Sum of these waits over all answers."""
    output_underruns: Word
    """Periods that the card reported as missed."""
    clock_start_ns: Word
    """``time.monotonic_ns`` of a recording's first sample; a new process keeps the clock."""
    cut_begun: Word
    """Generation of the latest cut, stored before the three words that describe it."""
    cut_heard: Word
    cut_time_ns: Word
    cut_discarded_frames: Word
    cut_generation: Word
    """Generation of the latest cut, stored after them."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""
    callback_ns: Word
    """``time.monotonic_ns`` of the latest period: the loudspeaker works."""
    held: Word
    """Number of the hold in which the answer stands still; 0: none."""
    rate_hz: Word
    """Samples a second of the loudspeaker, in which the rings of what sounds count."""
    given_samples: Word
    """Samples given to a program that is the speaker itself, at its rate."""
    reference_lost_periods: Word
    """Periods that the ears do not know of, because the reference ring was full."""
    unrecorded_frames: Word
    """Frames that the recorder does not get, because its ring was full."""
    ready_tones: Word
    """1: the tone that says that the conversation is ready has begun."""


class EarsFields(Struct):
    """Written by the ears process."""

    ready: Word
    """Number of the ears process that has loaded all that it needs; see `SupervisorFields.ears`."""
    hold: Word
    """Number of the hold in which playback is to stand still; 0: none."""
    holds: Word
    """Number of holds so far."""
    resumed: Word
    """Number of holds after which the answer went on."""
    interrupt: Word
    """Generation that silences the answer over which a person certainly speaks; 0: none does. The
    network process makes it the current one, if it is not yet."""
    turn_begin_ns: Word
    """``time.monotonic_ns`` at which the user's latest turn begins, if the ears mark turns."""
    turn_end_ns: Word
    """Where the latest turn ends that has ended. Less than `turn_begin_ns`: the user speaks."""
    realigned: Word
    """How often the reference was put to another place."""
    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""


class ProgramFields(Struct):
    """Written by the program that is the sound card itself, in the supervisor's process."""

    requested_samples: Word
    """Samples asked for so far, at the speaker's rate."""
    confirmed: Word
    """Packed `Position` up to which the answers have sounded, at the speaker's rate."""


class RecorderFields(Struct):
    """Written by the recorder."""

    heartbeat_ns: Word
    """``time.monotonic_ns`` at which the process's own loop was last at work."""
    microphone_place: Word
    """Where the microphone lies in the recording, for a new process; see `recorder/tracks.py`.
    0: nowhere yet."""
    speaker_place: Word
    """The same of the loudspeaker."""


_Block = TypeVar(
    "_Block",
    SupervisorFields,
    CaptureFields,
    NetworkFields,
    PlaybackFields,
    EarsFields,
    ProgramFields,
    RecorderFields,
)
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
