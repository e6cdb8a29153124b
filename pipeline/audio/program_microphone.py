"""A microphone whose samples come from the program, through a ring."""

from pipeline.audio.program_card import ProgramCard
from pipeline.audio.program_stream import ProgramStream
from pipeline.audio.streams import OnPeriod, PrepareThread
from pipeline.audio.virtual_clock import PeriodClock
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import FRAME_MS, SAMPLE_RATE_HZ, ms_to_samples, samples_to_ns
from pipeline.shm.fields import CaptureFields
from pipeline.shm.frames import FLAG_ITEM_END

POLL_MS = 5
"""How often the ring is looked at: as often as a card calls."""


class ProgramMicrophone(ProgramStream):
    """Passes on what the program writes, as it comes; after its end silence, in real time.

    A frame stays in the ring until its samples are published, so that a process that takes the
    place of this one goes on after them.

    :param words: `captured_samples` says what was published, or lost, before this process.
    """

    def __init__(self, card: ProgramCard, xruns: XrunLog, words: CaptureFields) -> None:
        super().__init__(card)
        self.ended = False
        self._captured_samples = words.captured_samples.load
        self._reader = self._ring.reader()
        self._given_samples = self._published_samples()
        self._given_frames = 0  # at the front of the ring: passed on, and not given back
        self._silent_samples = 0
        self._silence = bytes(2 * (card.rate_hz * POLL_MS // 1_000))
        self._clock = PeriodClock(ms_to_samples(POLL_MS), self._poll, xruns)

    def start(self, on_period: OnPeriod, prepare_thread: PrepareThread) -> None:
        self._on_period = on_period
        self._clock.start(prepare_thread)

    def _poll(self, due_ns: int) -> None:
        self._give_back()
        while (frame := self._reader.front(self._given_frames)) is not None:
            if frame.flags & FLAG_ITEM_END:  # it stays, also for a process after this one
                self._be_silent(due_ns)
                return
            self._given_frames += 1
            skipped = self._given_samples - frame.item_offset_samples
            if skipped < len(frame.samples):
                self._given_samples = frame.end_samples
                captured_at_ns = frame.capture_time_ns + samples_to_ns(skipped, self.rate_hz)
                self._on_period(frame.samples[skipped:].tobytes(), captured_at_ns)

    def _give_back(self) -> None:
        published = self._published_samples()
        while self._given_frames and (frame := self._reader.front()):
            if frame.end_samples > published:
                break
            self._reader.advance()
            self._given_frames -= 1

    def _be_silent(self, due_ns: int) -> None:
        self._on_period(self._silence, due_ns - self._clock.period_ns)
        self._silent_samples += len(self._silence) // 2
        self.ended = self._silent_samples > self.rate_hz * FRAME_MS // 1_000

    def _published_samples(self) -> int:
        """Samples of the program that were published so far, at its rate."""
        return self._captured_samples() * self.rate_hz // SAMPLE_RATE_HZ
