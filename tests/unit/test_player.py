"""The player over the real ring and the real state: every period, sample by sample."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio.answer_source import ResampledAnswers, RingAnswers
from pipeline.audio.fade import FADE_MS
from pipeline.audio.player import Player
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.frames import FLAG_ITEM_END
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import CutReport, Position, SharedState

PERIOD = 120
FADE = FADE_MS * SAMPLE_RATE_HZ // 1_000
GARBAGE = 12_345
LOUD = 10_000


class Rig:
    """A player with both ends of its ring, and the words that other processes would write."""

    def __init__(self, state: SharedState, ring: FrameRing, rate_hz: int) -> None:
        self.state = state
        self.words = state.playback
        self.rate_hz = rate_hz
        self._ring = ring
        self._writer = ring.writer()
        self._written: dict[int, int] = {}
        self.start_player()

    def start_player(self) -> None:
        """Go on as a new process does: from what lies in shared memory."""
        self._reader = self._ring.reader()
        answers = RingAnswers(self._reader, self.words.cut_generation.load(), self.handed)
        self.player = Player(
            answers if self.rate_hz == SAMPLE_RATE_HZ else ResampledAnswers(answers, self.rate_hz),
            self.state,
            self.rate_hz,
        )

    def answer(self, samples: Samples, *, generation: int = 0, item: int = 1) -> None:
        """Write the next samples of an item, in whole frames and a short one."""
        for start in range(0, len(samples), FRAME_SAMPLES):
            self.frame(samples[start : start + FRAME_SAMPLES], generation=generation, item=item)

    def frame(
        self, samples: Samples, *, generation: int = 0, item: int = 1, flags: int = 0
    ) -> None:
        offset = self._written.get(item, 0)
        assert self._writer.write(
            samples, generation=generation, item=item, item_offset_samples=offset, flags=flags
        )
        self._written[item] = offset + len(samples)

    def end(self, *, generation: int = 0, item: int = 1) -> None:
        self.frame(silence(0), generation=generation, item=item, flags=FLAG_ITEM_END)

    def interrupt(self, generation: int = 1) -> None:
        self.state.network.generation.store(generation)

    def render(self, samples: int = PERIOD, sounds_at_ns: int = 0) -> Samples:
        """One period. It sounds in the past, unless the test says otherwise."""
        out = np.full(samples, GARBAGE, np.int16)
        self.player.render(out, sounds_at_ns)
        return out

    def play(self, samples: int, period: int = PERIOD) -> Samples:
        """Several periods."""
        return np.concatenate([self.render(period) for _ in range(-(-samples // period))])

    @property
    def cut(self) -> CutReport:
        cut = self.state.latest_cut()
        assert cut is not None
        return cut

    @property
    def handed(self) -> Position:
        return Position.unpacked(self.words.handed.load())

    @property
    def heard(self) -> Position:
        return Position.unpacked(self.words.heard.load())

    @property
    def waiting_frames(self) -> int:
        return self._reader.fill_frames()


@contextmanager
def player_rig(rate_hz: int = SAMPLE_RATE_HZ, capacity_frames: int = 64) -> Iterator[Rig]:
    with SharedState.create() as state, FrameRing.create(capacity_frames) as ring:
        yield Rig(state, ring, rate_hz)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with player_rig() as rig:
        yield rig


@pytest.fixture
def make_rig() -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:
        yield lambda **kwargs: stack.enter_context(player_rig(**kwargs))


def silence(samples: int) -> Samples:
    return np.zeros(samples, np.int16)


def loud(samples: int, value: int = LOUD) -> Samples:
    return np.full(samples, value, np.int16)


def noise(samples: int, seed: int = 1) -> Samples:
    """Samples that are never 0, unlike silence."""
    random = np.random.default_rng(seed)
    signs = random.choice(np.array([-1, 1], np.int16), samples)
    signed: Samples = random.integers(1, 32_767, samples, np.int16) * signs
    return signed


def assert_falls(out: Samples) -> None:
    """Heard from the moment of the cut: a falling envelope of a constant signal, then silence."""
    assert np.all(np.diff(out.astype(int)) <= 0)
    assert np.count_nonzero(out) <= FADE
    assert not out[FADE:].any()


# Every sample once and in order


def test_nothing_to_play_is_silence(rig: Rig) -> None:
    assert not rig.render().any()
    assert rig.words.played_samples.load() == 0


@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(st.integers(0, FRAME_SAMPLES), max_size=12),
    periods=st.lists(st.integers(1, 2_000), max_size=30),
)
def test_frames_of_any_length_sound_whole_in_periods_of_any_length(
    frames: list[int], periods: list[int]
) -> None:
    wanted = noise(sum(frames))
    with player_rig() as rig:
        start = 0
        for count in frames:
            rig.frame(wanted[start : start + count])
            start += count
        out = np.concatenate([rig.render(count) for count in [*periods, 15_000]])
        assert np.array_equal(out[: len(wanted)], wanted)
        assert not out[len(wanted) :].any()
        assert rig.words.played_samples.load() == len(wanted)


def test_an_array_that_is_given_again_and_again_is_filled_each_time(rig: Rig) -> None:
    out = np.full(PERIOD, GARBAGE, np.int16)
    expected = [silence(PERIOD), loud(PERIOD), np.concatenate((loud(20), silence(PERIOD - 20)))]
    rig.player.render(out, 0)
    assert np.array_equal(out, expected[0])
    for _ in range(2):
        rig.answer(loud(PERIOD + 20))
        for period in (*expected[1:], *expected[:1], *expected[:1]):
            rig.player.render(out, 0)
            assert np.array_equal(out, period)


def test_what_comes_later_is_played_from_its_first_sample(rig: Rig) -> None:
    wanted = noise(500)
    rig.answer(wanted[:50])
    assert np.array_equal(rig.render(), np.concatenate((wanted[:50], silence(70))))
    rig.answer(wanted[50:])
    assert np.array_equal(rig.play(480)[:450], wanted[50:])


def test_extreme_samples_pass_unchanged(rig: Rig) -> None:
    rig.answer(np.tile(np.array([-32_768, 32_767], np.int16), 60))
    assert set(rig.render()) == {-32_768, 32_767}


# Cuts


@pytest.mark.parametrize("period", [1, 7, 24, 48, 49, 120, 240, 1_200, 3_000])
@pytest.mark.parametrize("before", [0, 1, 500, 1_190])
def test_a_cut_fades_what_was_sounding_and_drops_the_rest(
    rig: Rig, period: int, before: int
) -> None:
    rig.answer(loud(12_000))
    rig.render(period)
    for _ in range(before // period):
        rig.render(period)
    rig.interrupt()
    out = rig.play(2 * FADE + 100, period)
    assert out[0] >= 0.99 * LOUD
    assert_falls(out)
    assert rig.waiting_frames == 0


def test_the_faded_samples_are_the_next_ones(rig: Rig) -> None:
    wanted = noise(5_000)
    rig.answer(wanted)
    rig.play(1_200 - PERIOD // 2, PERIOD // 2)  # the fade crosses into the next frame
    rig.interrupt()
    start = rig.words.played_samples.load()
    tail = rig.render()[:FADE].astype(float)
    gain = (1 + np.cos(np.pi * np.arange(1, FADE + 1) / FADE)) / 2
    assert np.max(np.abs(tail - wanted[start : start + FADE] * gain)) < 2


def test_the_next_answer_starts_whole_in_the_same_period(rig: Rig) -> None:
    wanted = noise(1_000)
    rig.answer(loud(3_000))
    rig.render()
    rig.answer(wanted, generation=1, item=2)
    rig.interrupt()
    out = rig.play(2_000)
    assert_falls(out[:FADE])
    assert np.array_equal(out[FADE : FADE + 1_000], wanted)
    assert not out[FADE + 1_000 :].any()


def test_thousands_of_stale_frames_are_skipped_in_one_period(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(capacity_frames=3_001)
    for _ in range(3_000):
        rig.frame(loud(1))
    wanted = noise(PERIOD)
    rig.frame(wanted, generation=1, item=2)
    rig.interrupt()
    assert np.array_equal(rig.render(), wanted)
    assert rig.cut == CutReport(1, Position(0, 0), 0, 3_000)


def test_stale_frames_that_wrap_around_the_ring_are_skipped(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(capacity_frames=8)
    rig.answer(loud(6 * FRAME_SAMPLES))
    rig.play(5 * FRAME_SAMPLES, FRAME_SAMPLES)
    rig.answer(loud(6 * FRAME_SAMPLES))
    rig.interrupt()
    assert_falls(rig.render())
    rig.answer(loud(4 * FRAME_SAMPLES), generation=1, item=2)
    assert np.all(rig.play(4 * FRAME_SAMPLES, FRAME_SAMPLES) == LOUD)


def test_stale_frames_that_come_after_the_cut_never_sound(rig: Rig) -> None:
    rig.answer(loud(FRAME_SAMPLES))
    rig.interrupt()
    rig.render()
    rig.answer(loud(FRAME_SAMPLES))
    wanted = noise(PERIOD)
    rig.answer(wanted, generation=1, item=2)
    assert np.array_equal(rig.render(), wanted)


def test_frames_seen_before_their_generation_wait_for_it(rig: Rig) -> None:
    wanted = noise(FRAME_SAMPLES)
    rig.answer(loud(50))
    rig.answer(wanted, generation=1, item=2)
    out = rig.play(3 * PERIOD)
    assert np.array_equal(out, np.concatenate((loud(50), silence(3 * PERIOD - 50))))
    rig.interrupt()
    assert np.array_equal(rig.play(FRAME_SAMPLES), wanted)


def test_the_fade_never_reaches_into_the_next_answer(rig: Rig) -> None:
    wanted = noise(FRAME_SAMPLES)
    rig.answer(loud(PERIOD + 10))
    rig.render()
    rig.answer(wanted, generation=1, item=2)
    rig.interrupt()
    out = rig.play(FRAME_SAMPLES + PERIOD)
    assert np.array_equal(out[10 : FRAME_SAMPLES + 10], wanted)


@pytest.mark.parametrize("period", [1, 5, 24, 47])
def test_a_second_cut_during_a_fade_does_not_prolong_it(rig: Rig, period: int) -> None:
    rig.answer(loud(3_000))
    rig.render(period)
    rig.answer(loud(3_000, 77), generation=1, item=2)
    wanted = noise(500)
    rig.answer(wanted, generation=2, item=3)
    rig.interrupt(1)
    first = rig.render(period)
    rig.interrupt(2)
    out = np.concatenate((first, rig.play(FADE + 500, period)))
    assert_falls(out[:FADE])
    assert np.array_equal(out[FADE : FADE + 500], wanted)
    assert rig.cut.generation == 2


def test_two_cuts_between_periods_are_one(rig: Rig) -> None:
    rig.answer(loud(3_000))
    rig.render()
    rig.answer(loud(3_000, 77), generation=1, item=2)
    wanted = noise(500)
    rig.answer(wanted, generation=2, item=3)
    rig.interrupt(2)
    out = rig.play(FADE + 500)
    assert_falls(out[:FADE])
    assert np.array_equal(out[FADE : FADE + 500], wanted)


def test_a_cut_with_nothing_sounding_is_silent_at_once(rig: Rig) -> None:
    rig.answer(loud(3_000))
    rig.interrupt()
    assert not rig.play(3_000).any()
    assert rig.words.played_samples.load() == 0
    assert rig.cut == CutReport(1, Position(0, 0), 0, 3)


def test_a_cut_tells_what_was_heard_and_until_when(rig: Rig) -> None:
    rig.answer(loud(3_000), item=7)
    rig.play(5 * PERIOD)
    rig.interrupt()
    rig.render(sounds_at_ns=1_000_000_000)
    heard = Position(7, 5 * PERIOD + FADE)
    assert rig.cut == CutReport(1, heard, 1_000_000_000 + FADE_MS * 1_000_000, 3)
    assert rig.handed == heard


def test_a_cut_at_the_end_of_an_answer_claims_no_more_than_there_was(rig: Rig) -> None:
    rig.answer(loud(PERIOD + 10))
    rig.end()
    rig.render()
    rig.interrupt()
    rig.render()
    assert rig.cut.heard == Position(1, PERIOD + 10)


def test_a_player_that_starts_late_catches_up_with_the_generation(rig: Rig) -> None:
    wanted = noise(PERIOD)
    rig.interrupt(5)
    rig.answer(wanted, generation=5)
    assert np.array_equal(rig.render(), wanted)
    assert rig.cut.generation == 5


# The end of the program


@pytest.mark.parametrize("period", [10, 120])
def test_stop_fades_out_and_is_silent_for_ever(rig: Rig, period: int) -> None:
    rig.answer(loud(3_000))
    rig.render(period)
    rig.state.supervisor.stop.store(1)
    assert_falls(rig.play(1_000, period))
    rig.answer(loud(3_000), generation=1)
    rig.interrupt()
    assert not rig.play(1_000, period).any()


# Positions


def test_handed_moves_with_every_period(rig: Rig) -> None:
    rig.answer(loud(300), item=1)
    rig.end(item=1)
    rig.answer(loud(300), item=2)
    expected = [(1, 120), (1, 240), (2, 60), (2, 180), (2, 300), (2, 300)]
    seen = []
    for _ in expected:
        rig.render()
        seen.append(tuple(rig.handed))
    assert seen == expected


def test_heard_lags_behind_handed_by_the_latency_of_the_device(rig: Rig) -> None:
    rig.answer(loud(3_000))
    far_ns = time.monotonic_ns() + 3_600 * NS_PER_S
    rig.render(sounds_at_ns=0)
    rig.render(sounds_at_ns=0)
    rig.render(sounds_at_ns=far_ns)
    assert rig.heard == Position(1, 240)
    assert rig.handed == Position(1, 360)
    rig.render(sounds_at_ns=far_ns + 1)
    assert rig.heard == Position(1, 240)


def test_a_period_is_heard_when_its_last_answer_sample_has_sounded(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 0
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    rig.answer(loud(150))
    latency_ns = 20_000_000
    period_ns = samples_to_ns(PERIOD)
    for n in range(3):
        rig.render(sounds_at_ns=n * period_ns + latency_ns)
    first_ns = latency_ns + period_ns
    second_ns = latency_ns + period_ns + samples_to_ns(30)
    heard = {}
    for now_ns in (first_ns - 1, first_ns, second_ns - 1, second_ns):
        rig.render(sounds_at_ns=second_ns + latency_ns)
        heard[now_ns] = rig.heard.samples
    assert heard == {first_ns - 1: 0, first_ns: 120, second_ns - 1: 120, second_ns: 150}
    assert rig.words.callback_ns.load() == second_ns


def test_an_item_is_heard_to_its_end_even_if_its_end_comes_later(rig: Rig) -> None:
    rig.answer(loud(PERIOD))
    rig.render()
    rig.end()
    rig.render()
    assert rig.heard == rig.handed == Position(1, PERIOD)


# Devices of other rates

RATES = pytest.mark.parametrize("rate_hz", [48_000, 44_100])


def tone(samples: int, hz: float = 440.0, amplitude: int = LOUD) -> Samples:
    sine = np.sin(2 * np.pi * hz * np.arange(samples) / SAMPLE_RATE_HZ)
    rounded: Samples = np.rint(amplitude * sine).astype(np.int16)
    return rounded


@RATES
@pytest.mark.parametrize("period", [97, 240, 1_024])
def test_a_resampled_answer_sounds_whole_without_waiting_for_the_next(
    make_rig: Callable[..., Rig], rate_hz: int, period: int
) -> None:
    rig = make_rig(rate_hz=rate_hz)
    answer = tone(12_345)
    rig.answer(answer)
    rig.end()
    wanted = soxr.resample(answer, SAMPLE_RATE_HZ, rate_hz)
    out = rig.play(len(wanted) + period, period)
    assert abs(rig.words.played_samples.load() - len(wanted)) <= 2
    assert np.max(np.abs(out[: len(wanted)].astype(int) - wanted)) <= 20
    assert not out[len(wanted) + 2 :].any()
    assert rig.handed == Position(1, len(answer))


@RATES
def test_the_position_of_a_resampled_answer_is_right_in_every_period(
    make_rig: Callable[..., Rig], rate_hz: int
) -> None:
    rig = make_rig(rate_hz=rate_hz)
    rig.answer(tone(24_000))
    worst = 0.0
    for n in range(1, 150):
        rig.render(rate_hz // 200)
        expected = n * (rate_hz // 200) * SAMPLE_RATE_HZ / rate_hz
        worst = max(worst, abs(rig.handed.samples - expected))
    assert worst <= 3


@RATES
def test_a_cut_drops_what_the_resampler_holds(make_rig: Callable[..., Rig], rate_hz: int) -> None:
    rig = make_rig(rate_hz=rate_hz)
    fade = FADE_MS * rate_hz // 1_000
    rig.answer(loud(12_000))
    rig.play(rate_hz // 10, rate_hz // 200)
    answer = tone(6_000)
    rig.answer(answer, generation=1, item=2)
    rig.end(generation=1, item=2)
    rig.interrupt()
    played = rig.words.played_samples.load()
    wanted = soxr.resample(answer, SAMPLE_RATE_HZ, rate_hz)
    out = rig.play(fade + len(wanted) + 500, rate_hz // 200)
    assert np.all(np.diff(out[:fade].astype(int)) <= 20)
    assert np.max(np.abs(out[fade : fade + len(wanted)].astype(int) - wanted)) <= 20
    assert abs(rig.words.played_samples.load() - played - fade - len(wanted)) <= 2


@RATES
def test_a_cut_of_a_resampled_answer_is_told_exactly(
    make_rig: Callable[..., Rig], rate_hz: int
) -> None:
    rig = make_rig(rate_hz=rate_hz)
    rig.answer(loud(12_000))
    rig.play(rate_hz // 10, rate_hz // 200)
    played = rig.words.played_samples.load() + FADE_MS * rate_hz // 1_000
    rig.interrupt()
    rig.render(rate_hz // 200)
    assert rig.cut.heard.item == 1
    assert abs(rig.cut.heard.samples - played * SAMPLE_RATE_HZ / rate_hz) <= 2
    assert rig.handed == rig.cut.heard
    fade_ns = samples_to_ns(FADE_MS * rate_hz // 1_000, rate_hz)
    assert rig.cut.time_ns == fade_ns


@RATES
def test_a_cut_before_anything_has_sounded_tells_that(
    make_rig: Callable[..., Rig], rate_hz: int
) -> None:
    rig = make_rig(rate_hz=rate_hz)
    rig.interrupt()
    rig.render(rate_hz // 200, sounds_at_ns=7)
    assert rig.cut == CutReport(1, Position(0, 0), 7, 0)


@RATES
def test_a_resampled_period_is_heard_when_its_last_sample_has_sounded(
    make_rig: Callable[..., Rig], rate_hz: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 0
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    rig = make_rig(rate_hz=rate_hz)
    rig.answer(loud(12_000))
    period_ns = samples_to_ns(rate_hz // 200, rate_hz)
    rig.render(rate_hz // 200)
    handed = rig.handed
    now_ns = period_ns - 1
    rig.render(rate_hz // 200, sounds_at_ns=period_ns)
    assert rig.heard == Position(0, 0)
    now_ns = period_ns
    rig.render(rate_hz // 200, sounds_at_ns=2 * period_ns)
    assert rig.heard == handed


@RATES
def test_a_resampled_answer_goes_on_after_running_dry(
    make_rig: Callable[..., Rig], rate_hz: int
) -> None:
    rig = make_rig(rate_hz=rate_hz)
    for spells in (1, 2, 3):
        rig.answer(tone(2_400))
        rig.play(rate_hz // 5, rate_hz // 200)
        assert rig.handed == Position(1, spells * 2_400)
    assert abs(rig.words.played_samples.load() - 3 * rate_hz // 10) <= 6


# A new process in the place of one that died


@given(
    lengths=st.lists(st.integers(0, 2 * FRAME_SAMPLES), min_size=1, max_size=8),
    periods=st.lists(st.integers(1, 500), min_size=1, max_size=60),
    deaths=st.sets(st.integers(0, 59)),
)
@settings(deadline=None, max_examples=100)
def test_a_new_player_goes_on_after_the_sample_that_was_handed_last(
    lengths: list[int], periods: list[int], deaths: set[int]
) -> None:
    with player_rig() as rig:
        sound = [noise(length, seed=item) for item, length in enumerate(lengths, start=1)]
        for item, samples in enumerate(sound, start=1):
            rig.answer(samples, item=item)
            rig.end(item=item)
        played = []
        for number, period in enumerate(periods):
            played.append(rig.render(period))
            if number in deaths:
                rig.start_player()
        expected = np.concatenate(sound)
        found = np.concatenate(played)
        assert np.array_equal(found[: len(expected)], expected[: len(found)])
        assert not found[len(expected) :].any()
        rig.play(len(expected) + PERIOD)
        assert rig.waiting_frames == 0
        assert rig.words.played_samples.load() == len(expected)
        assert rig.heard == rig.handed


def test_a_frame_stays_in_the_ring_until_the_device_has_all_of_it(rig: Rig) -> None:
    rig.answer(noise(2 * FRAME_SAMPLES))
    rig.play(FRAME_SAMPLES - PERIOD)
    assert rig.waiting_frames == 2
    rig.play(PERIOD)
    assert rig.waiting_frames == 1


def test_samples_that_were_taken_but_not_handed_sound(rig: Rig) -> None:
    sound = noise(3 * FRAME_SAMPLES)
    rig.answer(sound)
    before = rig.play(FRAME_SAMPLES - PERIOD)
    rig.words.handed.store(Position(1, len(before) - PERIOD).packed())  # died before this store
    rig.start_player()
    assert np.array_equal(rig.play(FRAME_SAMPLES), sound[len(before) - PERIOD :][:FRAME_SAMPLES])


def test_what_was_handed_before_counts_as_heard(rig: Rig) -> None:
    rig.answer(noise(PERIOD))
    rig.end()
    late_ns = time.monotonic_ns() + 3_600 * NS_PER_S
    rig.render(sounds_at_ns=late_ns)
    rig.render(sounds_at_ns=late_ns)
    assert rig.heard == Position(0, 0)
    rig.start_player()
    rig.render()
    assert rig.heard == rig.handed == Position(1, PERIOD)


def test_a_cut_that_was_due_is_carried_out_once(rig: Rig) -> None:
    rig.answer(noise(4 * FRAME_SAMPLES))
    rig.play(FRAME_SAMPLES)
    rig.interrupt(1)
    rig.start_player()
    rig.answer(noise(FRAME_SAMPLES, seed=2), generation=1, item=2)
    assert np.array_equal(rig.render(), noise(FRAME_SAMPLES, seed=2)[:PERIOD])
    cut = rig.cut
    assert (cut.generation, cut.heard, cut.discarded_frames) == (1, Position(1, FRAME_SAMPLES), 3)
    rig.start_player()
    rig.render()
    assert rig.cut == cut


def test_a_cut_that_was_half_published_is_published(rig: Rig) -> None:
    rig.answer(noise(4 * FRAME_SAMPLES))
    rig.play(FRAME_SAMPLES)
    rig.interrupt(1)
    rig.words.cut_begun.store(1)
    rig.words.cut_heard.store(Position(1, 7).packed())
    assert rig.state.latest_cut() is None
    rig.start_player()
    rig.render()
    assert rig.cut.heard == Position(1, FRAME_SAMPLES)


def test_a_new_player_at_another_rate_goes_on(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rate_hz=48_000)
    rig.answer(noise(8 * FRAME_SAMPLES))
    rig.play(4 * FRAME_SAMPLES, period=2 * PERIOD)
    handed = rig.handed
    rig.start_player()
    rig.render(2 * PERIOD)
    assert 0 < rig.handed.samples - handed.samples <= PERIOD
