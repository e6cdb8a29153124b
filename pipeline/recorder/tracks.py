"""Where the periods of both cards lie in the recording.

The microphone is the timeline: each of its samples follows the one before. A stream that begins
anew, or a machine that stood still for long, leaves silence as long as the clock says. The
loudspeaker's samples follow each other too. They are put beside the microphone's as the ears put
them, by comparing the times of both cards. Two cards drift apart, or one loses samples: that is
corrected by longer or shorter silence between two sounds, never within one, and not while it is
less than `TOLERANCE_SAMPLES`.

    place in the recording = position of the card's stream + shift
"""

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from pipeline.ears.card_offset import CardOffset
from pipeline.ears.reference import ReferenceRate
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples
from pipeline.shm.atomics import Word
from pipeline.shm.frames import FLAG_STREAM_START, Frame

TOLERANCE_SAMPLES = SAMPLE_RATE_HZ // 2_000
_STANDSTILL_SAMPLES = SAMPLE_RATE_HZ // 2
"""A step between the times of two frames that no late callback explains."""
_WINDOW_FRAMES = 2
"""A frame lasts 50 ms, and has the earliest time of its periods."""
_ORIGIN_FRAMES = 11
"""A busy processor makes a few of them late."""
_BIAS = 1 << 62
"""A shift may be negative, a shared word may not."""

OnShift = Callable[[str, int, int], None]
"""Called with the track's name, the place from which it is moved, and by how many samples."""


class Placed(NamedTuple):
    """Samples at 24 kHz and the place of the first in the recording."""

    place: int
    samples: Samples


class Timeline:
    """Tells which time belongs to which place, and compares the positions of both cards.

    :ivar cards: knows only streams that still run.
    """

    def __init__(self, start_ns: int) -> None:
        self._origin = samples_at(start_ns)  # time of place 0
        self._origins: deque[float] = deque(maxlen=_ORIGIN_FRAMES)
        self.cards = CardOffset(_WINDOW_FRAMES)

    def place(self, time_ns: int) -> int:
        return round(samples_at(time_ns) - self._origin)

    def time_ns(self, place: int) -> int:
        return round((place + self._origin) * NS_PER_S / SAMPLE_RATE_HZ)

    def observe(self, place: int, time_ns: int) -> None:
        """Take the time of a frame of the microphone: time goes by its card's clock."""
        self._origins.append(samples_at(time_ns) - place)
        self._origin = median(self._origins)

    def stream_starts(self) -> None:
        """Forget what the cards have told: one of them was away, or stood still."""
        self._origins.clear()
        self.cards = CardOffset(_WINDOW_FRAMES)


def samples_at(time_ns: int) -> float:
    """Return a time in samples at 24 kHz since the zero of ``time.monotonic_ns``."""
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
        self._latest: tuple[float, float] | None = None  # position and time of the latest frame
        self._end: int | None = None  # position of the end of what was placed, by this process
        kept = word.load()
        self._shift = kept - _BIAS if kept else None

    def commit(self) -> None:
        """Tell a recorder to come where this one stands: what was placed is written."""
        if self._shift is not None:
            self._word.store(self._shift + _BIAS)

    def _starts(self, frame: Frame, position: float) -> bool:
        """Whether the frame's time alone must tell where it lies."""
        time = samples_at(frame.capture_time_ns)
        starts = bool(frame.flags & FLAG_STREAM_START)
        if self._latest is not None:
            latest_position, latest_time = self._latest
            step = (time - latest_time) - (position - latest_position)
            starts = starts or step > _STANDSTILL_SAMPLES
        self._latest = position, time
        if starts:
            self._timeline.stream_starts()
        return starts

    def _shift_by_time(self, frame: Frame, position: float) -> int:
        return round(self._timeline.place(frame.capture_time_ns) - position)

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
    """The microphone's samples; each frame moves the timeline with the card's clock.

    :ivar shift: None before the first frame.
    """

    def place(self, frame: Frame) -> Placed:
        position = frame.item_offset_samples
        starts = self._starts(frame, position)
        if starts or self._shift is None:
            shift = self._move_to(self._shift_by_time(frame, position), position)
        else:
            shift = self._shift
        self._timeline.observe(position + shift, frame.capture_time_ns)
        self._timeline.cards.microphone(position, frame.capture_time_ns)
        self._end = frame.end_samples
        return Placed(position + shift, frame.samples)

    @property
    def shift(self) -> int | None:
        return self._shift


class SpeakerTrack(_Track):
    """The loudspeaker's samples, at the rate of its card until they are placed."""

    def __init__(
        self, timeline: Timeline, microphone: MicrophoneTrack, word: Word, on_shift: OnShift
    ) -> None:
        super().__init__("speaker", timeline, word, on_shift)
        self._microphone = microphone
        self._rate = ReferenceRate()
        self._unplaced = False  # a stream has started, and nothing of it has been placed

    def place(self, frame: Frame, rate_hz: int) -> Placed | None:
        """Return None for a silent frame. Frames of both cards come in the order of their time."""
        position_at_24_khz = frame.item_offset_samples * SAMPLE_RATE_HZ / rate_hz
        self._unplaced = self._starts(frame, position_at_24_khz) or self._unplaced
        self._timeline.cards.speaker(position_at_24_khz, frame.capture_time_ns)
        if not len(frame.samples):
            return None
        position, samples = self._rate.place(frame, rate_hz)
        wanted = self._wanted_shift(frame, position_at_24_khz)
        silent_before = self._end is not None and position > self._end
        shift = self._shift
        drifted = shift is not None and abs(wanted - shift) > TOLERANCE_SAMPLES
        if shift is None or self._unplaced or (silent_before and drifted):
            shift = self._move_to(wanted, position)
        self._unplaced = False
        self._end = position + len(samples)
        return Placed(position + shift, samples)

    def _wanted_shift(self, frame: Frame, position: float) -> int:
        """Return the shift by the times of both cards, or as it is if only one has told its."""
        offset_samples, microphone_shift = self._timeline.cards.samples, self._microphone.shift
        if offset_samples is not None and microphone_shift is not None:
            return round(microphone_shift - offset_samples)
        if self._shift is None or self._unplaced:
            return self._shift_by_time(frame, position)
        return self._shift
