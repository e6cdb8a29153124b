"""An answer that stands still, or sounds quietly, while a person may be speaking over it.

The ears store the number of a hold, and 0 when it is over. A hold takes nothing away: the samples
that fade out when it begins sound again, faded in, when it ends. Until then the position stands
before them. If the service confirms that a person speaks, the generation grows, and the answer is
cut where it was held.
"""

from typing import Protocol

import numpy as np

from pipeline.audio.answer_source import Answers
from pipeline.audio.fade import FadeIn, falling
from pipeline.pcm import Samples
from pipeline.shm.atomics import Word
from pipeline.shm.state import Position, SharedState

HOLD_FADE_MS = 5
"""Longer than the fade of a cut: a hold may turn out to be a mistake."""

LONGEST_HOLD_MS = 4_000
"""Ears that hang do not end a hold; the answer then goes on by itself."""

_DUCKED = np.float32(0.1)
_NOTHING: Samples = np.zeros(0, np.int16)


class HoldSign:
    """Tells in each period whether the ears want a hold.

    A new process goes on with the hold that the one before it obeyed. Any other hold is old: the
    ears died in it, or its answer was cut.

    :ivar number: of the hold that is obeyed; 0: none.
    """

    def __init__(self, state: SharedState, rate_hz: int) -> None:
        self._load = state.ears.hold.load
        self._held: Word = state.playback.held
        self._longest_samples = rate_hz * LONGEST_HOLD_MS // 1_000
        self._seen = self._load()
        self._samples = 0  # since the hold began
        self.number = self._seen if self._seen == self._held.load() else 0
        self._held.store(self.number)

    def look(self, samples: int) -> None:
        """Look again, before a period of `samples` is rendered."""
        seen = self._load()
        if seen != self._seen:
            self._seen = seen
            self._obey(seen)
        elif self.number:
            self._samples += samples
            if self._samples >= self._longest_samples:
                self._obey(0)

    def end(self) -> None:
        """Obey the present hold no longer: the answer is cut."""
        self._seen = self._load()
        self._obey(0)

    def _obey(self, number: int) -> None:
        if number != self.number:
            self.number = number
            self._samples = 0
            self._held.store(number)


class Pause(Protocol):
    """What a hold does to the sound."""

    def look(self, samples: int, *, sounding: bool) -> Samples:
        """Begin or end a hold before a period; returns samples that fade out first, or none."""

    @property
    def stands_still(self) -> bool:
        """Whether no more samples may be taken from the answers."""

    def shape(self, sound: Samples, *, fading_out: bool) -> None:
        """Change the loudness of the period's `sound` in place."""

    def cut(self) -> None:
        """End the hold: the answer is cut."""


class HoldableAnswers:
    """Gives the samples of `source`, and those that faded out in a hold once more."""

    def __init__(self, source: Answers, rate_hz: int) -> None:
        self._source = source
        self._fade_samples = rate_hz * HOLD_FADE_MS // 1_000
        self._again = _NOTHING  # samples that were faded out and have to be taken again
        self._taken_again = 0
        self._start = self._end = source.position  # of those samples
        self._cut_at: Position | None = None  # where an answer was held that was then cut
        self._fade_in = FadeIn(self._fade_samples)

    @property
    def position(self) -> Position:
        if not len(self._again):
            return self._cut_at or self._source.position
        start, end = self._start, self._end
        if start.item != end.item:
            return start  # which sample begins the next item is not known here
        along = (end.samples - start.samples) * self._taken_again // len(self._again)
        return Position(start.item, start.samples + along)

    def take(self, out: Samples) -> int:
        """Copy the next samples to the start of `out`; returns how many."""
        count = self._take_plain(out)
        if self._fade_in.under_way:
            self._fade_in.shape(out[:count])
        return count

    def hold(self) -> Samples:
        """Return the next samples, faded out; `position` stays, and they are to be taken again."""
        start = self.position
        again = np.zeros(self._fade_samples, np.int16)
        again = again[: self._take_plain(again)]
        fading = again.copy()
        if self._fade_in.under_way:
            self._fade_in.shape(fading)
        fading[:] = fading * falling(len(fading)) if len(fading) else fading
        self._again, self._taken_again = again, 0
        self._start, self._end = start, self._source.position
        return fading

    def resume(self) -> None:
        """Fade in what is taken next, if anything was held."""
        if len(self._again):
            self._fade_in.begin()

    def give_back(self, handed: Position) -> None:
        """Give frames back to their writer: the device has all samples up to `handed`."""
        self._source.give_back(handed)

    def discard(self, generation: int) -> int:
        """Drop everything older than `generation`; returns how many frames that was."""
        if len(self._again):
            self._cut_at = self.position
        self._again = _NOTHING
        self._fade_in.end()
        return self._source.discard(generation)

    def _take_plain(self, out: Samples) -> int:
        if not len(self._again):
            count = self._source.take(out)
            if count:
                self._cut_at = None
            return count
        rest = self._again[self._taken_again :]
        count = min(len(rest), len(out))
        out[:count] = rest[:count]
        self._taken_again += count
        if self._taken_again < len(self._again):
            return count
        self._again = _NOTHING
        return count + (self._source.take(out[count:]) if count < len(out) else 0)


class Hold:
    """Stands still while a hold lasts."""

    def __init__(self, answers: HoldableAnswers, sign: HoldSign) -> None:
        self._answers = answers
        self._sign = sign

    @property
    def stands_still(self) -> bool:
        return self._sign.number > 0

    def look(self, samples: int, *, sounding: bool) -> Samples:
        stood = self.stands_still
        self._sign.look(samples)
        if self.stands_still and not stood:
            return self._answers.hold() if sounding else _NOTHING
        if stood and not self.stands_still:
            self._answers.resume()
        return _NOTHING

    def shape(self, sound: Samples, *, fading_out: bool) -> None:
        """Change nothing: what sounds, sounds as it is."""

    def cut(self) -> None:
        self._sign.end()


class Duck:
    """Goes on beneath the voice, 20 dB quieter, while a hold lasts."""

    stands_still = False

    def __init__(self, sign: HoldSign, rate_hz: int) -> None:
        self._sign = sign
        self._ramp = falling(rate_hz * HOLD_FADE_MS // 1_000)
        self._ramped = len(self._ramp)  # samples of a change of loudness; all: none is under way
        self._from = self._to = np.float32(1)

    def look(self, samples: int, *, sounding: bool) -> Samples:  # noqa: ARG002 - a `Pause`
        self._sign.look(samples)
        return _NOTHING

    def shape(self, sound: Samples, *, fading_out: bool) -> None:
        """Change the loudness within 5 ms; what fades out gets no louder meanwhile."""
        wanted = _DUCKED if self._sign.number else np.float32(1)
        if wanted != self._to and not (fading_out and wanted > self._to):
            self._from, self._to = self._gain, wanted
            self._ramped = 0
        if self._ramped < len(self._ramp):
            changing = sound[: len(self._ramp) - self._ramped]
            share = self._ramp[self._ramped :][: len(changing)]
            changing[:] = changing * (self._to + (self._from - self._to) * share)
            self._ramped += len(changing)
            sound = sound[len(changing) :]
        if self._to != 1:
            sound[:] = sound * self._to

    def cut(self) -> None:
        self._sign.end()

    @property
    def _gain(self) -> np.float32:
        if not 0 < self._ramped < len(self._ramp):
            return self._to if self._ramped else self._from
        return np.float32(self._to + (self._from - self._to) * self._ramp[self._ramped - 1])
