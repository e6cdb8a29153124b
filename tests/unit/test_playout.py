"""Playout over the real ring: when samples sound, and what a person hears where they run out."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio.answer_source import RingAnswers
from pipeline.audio.playout import FADE, Playout, PlayoutDelay
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.frames import FLAG_ITEM_END
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import Position, SharedState

PERIOD = 120
PERIOD_NS = samples_to_ns(PERIOD)
MS = NS_PER_S // 1_000
LOUD = 10_000


class Rig:
    """A playout whose clock moves by a period with each period played."""

    def __init__(self, state: SharedState, ring: FrameRing) -> None:
        self.words = state.playback
        self.now_ns = 0
        self._writer = ring.writer()
        self.playout = Playout(RingAnswers(ring.reader()), self.words, lambda: self.now_ns)
        self._offsets: dict[int, int] = {}

    def answer(self, samples: Samples, item: int = 1, generation: int = 0) -> None:
        for start in range(0, len(samples), FRAME_SAMPLES):
            self._write(samples[start : start + FRAME_SAMPLES], item, generation, 0)

    def end(self, item: int = 1, generation: int = 0) -> None:
        self._write(np.zeros(0, np.int16), item, generation, FLAG_ITEM_END)

    def whole(self, samples: Samples, item: int) -> None:
        self.answer(samples, item)
        self.end(item)

    def play(self, samples: int, period: int = PERIOD) -> Samples:
        """Several periods; silence where there was nothing to play."""
        out = np.zeros(-(-samples // period) * period, np.int16)
        for start in range(0, len(out), period):
            self.playout.take(out[start : start + period])
            self.now_ns += samples_to_ns(period)
        return out

    def underrun(self, late_ns: int, item: int = 1) -> None:
        """An answer that pauses for `late_ns`, then sounds to its end."""
        self.answer(noise(1_200), item)
        self.play(1_200)
        self.play(late_ns * SAMPLE_RATE_HZ // NS_PER_S - PERIOD)  # it ran dry in the period before
        self.whole(noise(9_600), item)
        self.play(24_000)

    @property
    def underruns(self) -> int:
        return self.words.underruns.load()

    @property
    def delay_ns(self) -> int:
        return self.words.playout_delay_ns.load()

    def _write(self, samples: Samples, item: int, generation: int, flags: int) -> None:
        offset = self._offsets.get(item, 0)
        assert self._writer.write(
            samples, item=item, generation=generation, item_offset_samples=offset, flags=flags
        )
        self._offsets[item] = offset + len(samples)


@contextmanager
def playout_rig() -> Iterator[Rig]:
    with SharedState.create() as state, FrameRing.create(256) as ring:
        yield Rig(state, ring)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with playout_rig() as rig:
        yield rig


def noise(samples: int, seed: int = 1) -> Samples:
    """Loud enough not to become 0 anywhere but at the very end of a fade."""
    random = np.random.default_rng(seed)
    return random.integers(5_000, 32_767, samples, np.int16)


def loud(samples: int) -> Samples:
    return np.full(samples, LOUD, np.int16)


# Nothing is added while the service is in time


@settings(max_examples=60, deadline=None)
@given(
    items=st.lists(st.integers(1, 5_000), min_size=1, max_size=5),
    period=st.integers(1, 2_000),
)
def test_whole_answers_sound_at_once_one_after_the_other_and_unchanged(
    items: list[int], period: int
) -> None:
    with playout_rig() as rig:
        answers = [noise(samples, seed) for seed, samples in enumerate(items)]
        for item, answer in enumerate(answers, 1):
            rig.whole(answer, item)
        out = rig.play(sum(items) + 1, period)
        assert np.array_equal(np.trim_zeros(out, "b"), np.concatenate(answers))
        assert not rig.underruns
        assert not rig.words.playout_waited_ns.load()


def test_an_answer_sounds_before_its_end_has_come(rig: Rig) -> None:
    answer = noise(4_800)
    rig.answer(answer)
    assert np.array_equal(rig.play(2_400), answer[:2_400])


@pytest.mark.parametrize("samples", [1, FADE, PERIOD, PERIOD + 10, 3 * PERIOD])
@pytest.mark.parametrize("late_periods", [0, 1, 100])
def test_an_end_that_comes_late_is_not_an_underrun(
    rig: Rig, samples: int, late_periods: int
) -> None:
    rig.answer(loud(samples))
    rig.play(samples + late_periods * PERIOD)
    rig.end()
    rig.whole(loud(1_200), item=2)
    assert np.array_equal(rig.play(1_200 + PERIOD)[-1_200 - PERIOD :][:1_200], loud(1_200))
    assert not rig.underruns
    assert not rig.delay_ns


def test_an_end_without_samples_sounds_of_nothing(rig: Rig) -> None:
    out = loud(PERIOD)
    assert rig.playout.take(out) == 0
    rig.end()
    assert rig.playout.take(out) == 0
    assert np.array_equal(out, loud(PERIOD)), "nothing was written"


# Underruns


def test_samples_that_suffice_for_a_period_and_a_fade_sound_unchanged(rig: Rig) -> None:
    answer = loud(PERIOD + FADE)
    rig.answer(answer)
    assert np.array_equal(rig.play(PERIOD), answer[:PERIOD])
    rig.answer(loud(PERIOD))
    assert np.array_equal(rig.play(PERIOD), loud(PERIOD)), "more came just in time"


def test_what_runs_out_while_it_still_fades_in_stays_soft(rig: Rig) -> None:
    rig.answer(loud(PERIOD))
    rig.play(2 * PERIOD)
    rig.answer(loud(FADE // 2))
    out = rig.play(PERIOD)
    assert rig.underruns == 1
    assert out[0] < LOUD // 2, "it begins with the fade-in"
    assert out.max() < LOUD, "and never becomes loud"


@pytest.mark.parametrize("rest", [0, 1, FADE - 1, FADE, PERIOD - 1])
@pytest.mark.parametrize("period", [7, FADE, PERIOD, 240])
def test_what_runs_out_fades_out_and_goes_on_with_a_fade_in(
    rig: Rig, rest: int, period: int
) -> None:
    first = loud(5 * 240 + rest)
    rig.answer(first)
    out = rig.play(len(first) + 2_400, period)
    assert np.array_equal(out[: len(first) - FADE], first[:-FADE])
    assert np.all(np.diff(out[len(first) - FADE - 1 :].astype(int)) <= 0)
    assert not out[len(first) - 1 :].any()
    assert not rig.underruns, "it may have been the end"

    rig.whole(loud(2_400), item=1)
    out = rig.play(2_400, period)
    assert np.all(np.diff(out[:2_400].astype(int)) >= 0)
    assert np.array_equal(out[FADE:2_400], loud(2_400 - FADE))
    assert rig.words.underruns.load() == 1


def test_no_sample_is_lost_or_doubled_by_an_underrun(rig: Rig) -> None:
    answer = noise(24_000)
    out = []
    for start in range(0, len(answer), 1_210):
        rig.answer(answer[start : start + 1_210])
        out.append(np.trim_zeros(rig.play(7_200)))
    # The last sample of a fade-out is silent.
    heard = np.concatenate([sound for part in out for sound in (part, [0])])
    assert len(heard) == len(answer)
    unchanged = heard == answer
    assert np.count_nonzero(~unchanged) <= 2 * FADE * len(out)


def test_the_position_leaves_out_what_has_not_sounded_of_a_fade(rig: Rig) -> None:
    rig.answer(loud(PERIOD + FADE // 2))
    rig.play(PERIOD)
    assert rig.playout.position == Position(1, PERIOD)
    rig.play(PERIOD)
    assert rig.playout.position == Position(1, PERIOD + FADE // 2)


def test_the_position_is_never_before_an_items_beginning(rig: Rig) -> None:
    rig.whole(loud(30), item=1)
    rig.answer(loud(20), item=2)
    rig.playout.take(np.zeros(10, np.int16))
    assert rig.playout.position == Position(2, 0), "most of what runs dry is still item 1"


def test_a_cut_in_a_pause_forgets_the_pause(rig: Rig) -> None:
    rig.answer(loud(PERIOD))
    rig.play(PERIOD + 10 * PERIOD)
    rig.answer(loud(2_400))
    rig.playout.discard(1)
    rig.answer(loud(2_400), item=2, generation=1)
    rig.end(item=2, generation=1)
    assert np.array_equal(rig.play(2_400), loud(2_400))
    assert not rig.underruns


# The delay


def waited(rig: Rig, item: int) -> int:
    """Nanoseconds that an answer waits whose samples come just in time."""
    rig.answer(noise(2_400), item)
    start_ns = rig.now_ns
    while not rig.play(PERIOD).any():
        assert rig.now_ns < start_ns + NS_PER_S
    waited_ns = rig.now_ns - PERIOD_NS - start_ns
    rig.whole(noise(2_400), item)
    rig.play(7_200)
    return waited_ns


def test_answers_begin_later_by_what_was_missing(rig: Rig) -> None:
    assert waited(rig, 1) == 0
    rig.underrun(40 * MS, item=2)
    assert rig.delay_ns == 40 * MS
    assert waited(rig, 3) == 40 * MS
    assert rig.words.playout_waited_ns.load() == 40 * MS, "only what delayed an answer's beginning"


def test_time_in_which_nothing_was_asked_for_is_not_missing(rig: Rig) -> None:
    rig.answer(noise(1_200))
    rig.play(1_200 + 7 * PERIOD)
    rig.now_ns += 100 * MS  # a hold
    rig.whole(noise(1_200), item=1)
    rig.play(1_200)
    assert rig.underruns == 1
    assert rig.delay_ns == 8 * PERIOD_NS


def test_an_answer_whose_end_comes_in_a_pause_is_over(rig: Rig) -> None:
    rig.underrun(40 * MS, item=1)
    rig.answer(noise(2_400), item=2)
    rig.play(7_200)
    rig.answer(noise(2_400), item=2)
    rig.play(7_200)
    assert rig.underruns == 2
    rig.end(item=2)
    rig.play(PERIOD)
    assert waited(rig, 3) == rig.words.playout_waited_ns.load() - 40 * MS > 0


def test_an_answer_that_is_whole_does_not_wait(rig: Rig) -> None:
    rig.underrun(100 * MS)
    answer = noise(1_200)
    rig.whole(answer, item=2)
    assert np.array_equal(rig.play(1_200), answer)


def test_a_service_ahead_of_real_time_is_not_waited_for(rig: Rig) -> None:
    rig.underrun(100 * MS)
    rig.answer(noise(2_400), item=2)
    assert not rig.play(PERIOD).any()
    rig.answer(noise(2_400), item=2)  # 100 ms more, before the first 100 ms would have sounded
    assert rig.play(PERIOD).all()


def test_a_second_of_sound_does_not_wait(rig: Rig) -> None:
    rig.underrun(100 * MS)
    rig.answer(noise(SAMPLE_RATE_HZ), item=2)
    assert rig.play(PERIOD).all()


def test_the_delay_goes_back_to_nothing_when_the_network_is_calm(rig: Rig) -> None:
    rig.underrun(40 * MS)
    delays = [waited(rig, item) for item in range(2, 20)]
    assert delays == sorted(delays, reverse=True)
    assert delays[0] == 40 * MS
    assert delays[-1] == 0
    assert rig.delay_ns == 0


def test_a_calm_answer_takes_a_quarter_of_the_delay_away() -> None:
    delay = PlayoutDelay()
    delay.grow(40 * MS)
    delay.shrink()
    assert delay.ns == 30 * MS
    delay.grow(-30 * MS + 8 * MS)
    delay.shrink()
    assert delay.ns == 6 * MS
    delay.shrink()
    assert delay.ns == 0, "less than a period is nothing"


def test_the_delay_has_a_bound() -> None:
    delay = PlayoutDelay()
    for _ in range(10):
        delay.grow(NS_PER_S)
    assert delay.ns == PlayoutDelay.LONGEST_NS
