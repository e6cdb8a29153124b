"""When answer samples may sound: a delay that suits the network, and fades around an underrun.

The service is usually far ahead of real time, and then nothing here takes time. An underrun is an
answer whose next samples come too late: the last samples fade out, and the next ones fade in. After
an underrun, answers begin later by what was missing, so that the next hitch of the same length is
not heard; while a hold lasts, nothing is missing. Each answer without an underrun makes this delay
shorter again.
"""

import time
from collections.abc import Callable

import numpy as np

from pipeline.audio.answer_source import RingAnswers
from pipeline.audio.fade import FadeIn, fade_samples, falling
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.fields import PlaybackFields
from pipeline.shm.state import Position

FADE = fade_samples()
_AHEAD_SAMPLES = SAMPLE_RATE_HZ
"""A service that is a second ahead needs no delay."""
_NOTHING: Samples = np.zeros(0, np.int16)


class PlayoutDelay:
    """How long an answer waits (`ns`), unless the service proves to be ahead of real time."""

    LONGEST_NS = NS_PER_S // 5
    _SHORTEST_NS = NS_PER_S // 200

    def __init__(self, ns: int = 0) -> None:
        self.ns = ns

    @property
    def samples(self) -> int:
        return self.ns * SAMPLE_RATE_HZ // NS_PER_S

    def grow(self, missing_ns: int) -> None:
        """Note an underrun: samples came `missing_ns` too late."""
        self.ns = min(self.LONGEST_NS, self.ns + missing_ns)

    def shrink(self) -> None:
        """Note an answer that has sounded without an underrun."""
        self.ns = self.ns * 3 // 4
        if self.ns < self._SHORTEST_NS:
            self.ns = 0


class Playout:
    """Gives the samples of `answers`, 24 kHz, when they may sound."""

    def __init__(
        self,
        answers: RingAnswers,
        words: PlaybackFields,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._answers = answers
        self._words = words
        self._clock_ns = clock_ns
        self._delay = PlayoutDelay(words.playout_delay_ns.load())
        self._dry_item: int | None = None  # it ran dry before its end
        self._missing_samples = 0  # asked for since then
        self._seen: tuple[int, int] | None = None  # when samples came, and how many at once
        self._tail = _NOTHING  # of a fade-out that reaches into the next period
        self._sure_samples: int  # known to be in the ring
        self._fade_in = FadeIn(FADE)
        self._expect_answer()
        if answers.in_mid_item:
            self._fade_in.begin()  # the process before this one broke off

    @property
    def position(self) -> Position:
        position = self._answers.position
        if not len(self._tail):
            return position
        item, samples = position
        return Position(item, max(0, samples - len(self._tail)))  # it may hold two items' ends

    def take(self, out: Samples) -> int:
        """Copy the samples that sound next to the start of `out`; returns how many."""
        if len(self._tail):
            return self._take_tail(out)
        if not self._playing and (self._answers.empty or not self._begin()):
            self._missing_samples += len(out)
            return 0
        if self._sure_samples < len(out) + FADE:
            waiting = self._answers.waiting(len(out) + FADE + FRAME_SAMPLES)
            if waiting.samples < len(out) + FADE and not waiting.ended:
                self._run_dry(waiting.samples)
                return self._take_tail(out)
            self._sure_samples = waiting.samples
        count = self._answers.take(out)
        self._sure_samples -= count
        if self._fade_in.under_way:
            self._fade_in.shape(out[:count])
        if count < len(out):
            self._finish_answer()
        return count

    def give_back(self, handed: Position) -> None:
        """Give frames back to their writer: the device has all samples up to `handed`."""
        self._answers.give_back(handed)

    def discard(self, generation: int) -> int:
        """Drop everything older than `generation`; returns how many frames that was."""
        self._finish_answer()
        self._dry_item = self._seen = None
        self._tail = _NOTHING
        return self._answers.discard(generation)

    def _begin(self) -> bool:
        """Begin if what waits is whole, has waited long enough, or comes faster than it plays."""
        waiting = self._answers.waiting(_AHEAD_SAMPLES)
        if not waiting.samples:
            self._answers.take(_NOTHING)  # an end of an item, without samples
            self._dry_item = None
            self._finish_answer()
            return False
        now_ns = self._clock_ns()
        if self._seen is None:
            self._note_underrun(waiting.item)
            self._seen = now_ns, waiting.samples
        seen_ns, seen_samples = self._seen
        is_ahead = waiting.samples >= min(_AHEAD_SAMPLES, seen_samples + self._delay.samples)
        if not (waiting.ended or is_ahead or now_ns - seen_ns >= self._delay.ns):
            return False
        if self._calm:  # the answer begins; after an underrun, it only goes on
            self._words.playout_waited_ns.add(now_ns - seen_ns)
        self._playing, self._seen = True, None
        return True

    def _note_underrun(self, item: int) -> None:
        """Count an underrun if the samples that came belong to the item that ran dry."""
        if item == self._dry_item:
            self._calm = False
            self._fade_in.begin()
            self._delay.grow(samples_to_ns(self._missing_samples))
            self._words.underruns.add(1)
            self._words.playout_delay_ns.store(self._delay.ns)
        self._dry_item = None

    def _run_dry(self, samples: int) -> None:
        """Fade out with the last `samples` there are, and pause."""
        last = np.zeros(samples, np.int16)
        self._answers.take(last)
        if self._fade_in.under_way:
            self._fade_in.shape(last)
        fading = last[-FADE:]
        fading[:] = fading * falling(len(fading))
        self._tail = last
        self._playing = False
        self._sure_samples = 0
        self._dry_item = self._answers.position.item
        self._missing_samples = 0

    def _take_tail(self, out: Samples) -> int:
        self._missing_samples += len(out)
        count = min(len(self._tail), len(out))
        out[:count] = self._tail[:count]
        self._tail = self._tail[count:]
        return count

    def _finish_answer(self) -> None:
        """Note that an answer has ended or was cut."""
        if self._playing and self._calm:
            self._delay.shrink()
            self._words.playout_delay_ns.store(self._delay.ns)
        self._expect_answer()

    def _expect_answer(self) -> None:
        """Start afresh with the next answer."""
        self._playing = False
        self._calm = True  # no underrun in this answer so far
        self._sure_samples = 0
        self._fade_in.end()
