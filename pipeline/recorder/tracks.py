"""Where the periods of both cards lie in the recording.

The microphone is the timeline: each of its samples follows the one before. A stream that begins
anew, or a machine that stood still for long, leaves silence as long as the clock says. The
loudspeaker's samples follow each other too. They are put beside the microphone's by the times of
both cards. Two cards drift apart, or one loses samples: that is corrected by longer or shorter
silence between two sounds, never within one, and not while it is less than `TOLERANCE_SAMPLES`.

    place in the recording = position of the card's stream + shift
"""

from collections.abc import Callable
from typing import NamedTuple

from pipeline.ears.reference import ReferenceRate
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples
from pipeline.recorder.stream_clock import JUMP_SAMPLES, StreamClock
from pipeline.shm.atomics import Word
from pipeline.shm.ring import FLAG_STREAM_START, Frame

TOLERANCE_SAMPLES = SAMPLE_RATE_HZ // 2_000
_STANDSTILL_SAMPLES = SAMPLE_RATE_HZ // 2
"""A step between the times of two frames that no late callback explains."""
_FRAME_PERIODS = 10
_JUMPED_FRAMES = 20
"""If a processor stalls, both cards' times move, one shortly after the other."""
_BIAS = 1 << 62
"""A shift may be negative, a shared word may not."""

OnShift = Callable[[str, int, int], None]
"""Called with the track's name, the place from which it is moved, and by how many samples."""


class Placed(NamedTuple):
    """Samples at 24 kHz and the place of the first in the recording."""

    place: int
    samples: Samples


class Timeline:
    """Tells which time belongs to which place.

    :ivar origin: time of place 0, in samples at 24 kHz since the zero of ``time.monotonic_ns``.
    """

    def __init__(self, start_ns: int) -> None:
        self.origin = samples_at(start_ns)

    def place(self, time_ns: int) -> int:
        return round(samples_at(time_ns) - self.origin)

    def time_ns(self, place: int) -> int:
        return round((place + self.origin) * NS_PER_S / SAMPLE_RATE_HZ)


def samples_at(time_ns: int) -> float:
    """Return a time in samples at 24 kHz."""
    return time_ns * SAMPLE_RATE_HZ / NS_PER_S


class _Track:
    """One card's samples.

    :param word: keeps the shift, so that a new recorder goes on at the same place.
    """

    def __init__(self, name: str, timeline: Timeline, word: Word, on_shift: OnShift) -> None:
        self._name = name
        self._timeline = timeline
        self._word = word
        self._on_shift = on_shift
        self._clock = StreamClock()
        self._latest: tuple[float, float] | None = None  # position and time of the latest period
        self._end: int | None = None  # position of the end of what was placed, by this process
        kept = word.load()
        self._shift = kept - _BIAS if kept else None

    def _observe(self, frame: Frame, position: float) -> bool:
        """Take the time of a period; returns whether its time must tell where it lies."""
        time = samples_at(frame.capture_time_ns)
        starts = bool(frame.flags & FLAG_STREAM_START)
        if self._latest is not None:
            latest_position, latest_time = self._latest
            step = (time - latest_time) - (position - latest_position)
            starts = starts or step > _STANDSTILL_SAMPLES
        self._latest = position, time
        if starts:
            self._clock = StreamClock()
        for _ in range(_FRAME_PERIODS):  # a frame's time is the earliest of its periods
            self._clock.observe(position, frame.capture_time_ns)
        return starts or self._shift is None

    def commit(self) -> None:
        """Tell a recorder to come where this one stands: what was placed is written."""
        if self._shift is not None:
            self._word.store(self._shift + _BIAS)

    @property
    def _offset(self) -> float:
        return self._clock.offset or 0.0

    def _move_to(self, shift: int, position: int) -> int:
        """Set the shift, but let nothing overlap with what was placed before."""
        if self._shift is not None:
            if self._end is not None:
                shift = max(shift, self._end + self._shift - position)
            if shift != self._shift:
                self._on_shift(self._name, position + self._shift, shift - self._shift)
        self._shift = shift
        return shift


class MicrophoneTrack(_Track):
    """The microphone's samples; each period moves the timeline with the card's clock."""

    def place(self, frame: Frame) -> Placed:
        position = frame.item_offset_samples
        starts = self._observe(frame, position)
        if starts or self._shift is None:
            shift = self._move_to(round(self._offset - self._timeline.origin), position)
        else:
            shift = self._shift
        self._timeline.origin = self._offset - shift
        self._end = frame.end_samples
        return Placed(position + shift, frame.samples)


class SpeakerTrack(_Track):
    """The loudspeaker's samples, at the rate of its card until they are placed."""

    def __init__(self, name: str, timeline: Timeline, word: Word, on_shift: OnShift) -> None:
        super().__init__(name, timeline, word, on_shift)
        self._rate = ReferenceRate()
        self._jumped_frames = 0
        self._starts = False  # a stream has started, and nothing of it has been placed

    def place(self, frame: Frame, rate_hz: int) -> Placed | None:
        """Return None for a silent period."""
        starts = self._observe(frame, frame.item_offset_samples * SAMPLE_RATE_HZ / rate_hz)
        self._starts = self._starts or starts
        wanted = round(self._offset - self._timeline.origin)
        shift = self._shift
        off = abs(wanted - (shift or 0))
        self._jumped_frames = self._jumped_frames + 1 if off > JUMP_SAMPLES else 0
        if not len(frame.samples):
            return None
        position, samples = self._rate.place(frame, rate_hz)
        silent_before = self._end is not None and position > self._end
        drifted = TOLERANCE_SAMPLES < off <= JUMP_SAMPLES or self._jumped_frames > _JUMPED_FRAMES
        if shift is None or self._starts or (silent_before and drifted):
            shift = self._move_to(wanted, position)
        self._starts = False
        self._end = position + len(samples)
        return Placed(position + shift, samples)
