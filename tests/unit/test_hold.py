"""Holds over the real ring and the real state: every sample once, or again on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio.answer_source import Answers, ResampledAnswers, RingAnswers
from pipeline.audio.fade import fade_samples
from pipeline.audio.hold import (
    HOLD_FADE_MS,
    LONGEST_HOLD_MS,
    Duck,
    Hold,
    HoldableAnswers,
    HoldSign,
)
from pipeline.audio.player import Player
from pipeline.audio.reference import ReferenceWriter
from pipeline.pcm import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from pipeline.shm.frames import FLAG_ITEM_END
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import Position, SharedState

PERIOD = 120
FADE = HOLD_FADE_MS * SAMPLE_RATE_HZ // 1_000
LOUD = 10_000


class Rig:
    """A player that obeys holds, and the words that other processes would write."""

    def __init__(self, state: SharedState, ring: FrameRing, reference: FrameRing) -> None:
        self.state = state
        self._ring = ring
        self._writer = ring.writer()
        self.reference = reference.reader()
        self._reference_ring = reference
        self.start()

    def start(self, *, duck: bool = False, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        """Go on as a new process does: from what lies in shared memory."""
        words = self.state.playback
        handed = Position.unpacked(words.handed.load())
        answers: Answers = RingAnswers(self._ring.reader(), words.cut_generation.load(), handed)
        if rate_hz != SAMPLE_RATE_HZ:
            answers = ResampledAnswers(answers, rate_hz)
        sign = HoldSign(self.state, rate_hz)
        reference = ReferenceWriter(self._reference_ring.writer(), words, rate_hz)
        if duck:
            pause, given = Duck(sign, rate_hz), answers
            self._player = Player(given, self.state, rate_hz, pause=pause, reference=reference)
        else:
            held = HoldableAnswers(answers, rate_hz)
            self._player = Player(
                held, self.state, rate_hz, pause=Hold(held, sign), reference=reference
            )

    def answer(self, samples: Samples, *, generation: int = 0, item: int = 1) -> None:
        for start in range(0, len(samples), FRAME_SAMPLES):
            part = samples[start : start + FRAME_SAMPLES]
            self._write(part, generation=generation, item=item, start=start)
        ended = samples[:0]
        self._write(ended, generation=generation, item=item, start=len(samples), end=True)

    def hold(self, number: int = 1) -> None:
        self.state.ears.hold.store(number)

    def resume(self) -> None:
        self.state.ears.hold.store(0)

    def interrupt(self, generation: int = 1) -> None:
        self.state.network.generation.store(generation)

    def render(self, samples: int = PERIOD) -> Samples:
        """One period, which sounds in the past."""
        out = np.full(samples, 12_345, np.int16)
        self._player.render(out, 0)
        return out

    def play(self, samples: int, period: int = PERIOD) -> Samples:
        return np.concatenate([self.render(period) for _ in range(-(-samples // period))])

    @property
    def handed(self) -> Position:
        return Position.unpacked(self.state.playback.handed.load())

    @property
    def cut_at(self) -> Position:
        cut = self.state.latest_cut()
        assert cut is not None
        return cut.heard

    def _write(
        self, samples: Samples, *, generation: int, item: int, start: int, end: bool = False
    ) -> None:
        assert self._writer.write(
            samples,
            generation=generation,
            item=item,
            item_offset_samples=start,
            flags=FLAG_ITEM_END if end else 0,
        )


@contextmanager
def hold_rig(reference_periods: int = 4_096) -> Iterator[Rig]:
    with (
        SharedState.create() as state,
        FrameRing.create(64) as ring,
        FrameRing.create(reference_periods) as reference,
    ):
        yield Rig(state, ring, reference)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with hold_rig() as rig:
        yield rig


def loud(samples: int) -> Samples:
    return np.full(samples, LOUD, np.int16)


def counted(samples: int) -> Samples:
    """Samples that are all different, and never 0."""
    return np.arange(1, samples + 1, dtype=np.int16)


def test_a_held_answer_fades_out_and_keeps_its_place(rig: Rig) -> None:
    rig.answer(loud(4_800))
    assert np.all(rig.play(1_200) == LOUD)
    before = rig.handed
    rig.hold()
    faded = rig.render()
    assert np.all(np.diff(faded.astype(int)) <= 0)
    assert faded[-1] == 0
    assert not rig.play(2_400).any()
    assert rig.handed == before == Position(1, 1_200)
    assert rig.state.playback.held.load() == 1


def test_after_a_hold_the_faded_samples_sound_again_and_none_is_left_out(rig: Rig) -> None:
    answer = counted(9_600)
    rig.answer(answer)
    first = rig.play(1_200)
    rig.hold()
    rig.play(600)
    rig.resume()
    rising = rig.render()
    assert np.all(rising <= answer[1_200:1_320])
    assert rising[0] < answer[1_200] // 100
    assert rig.handed == Position(1, 1_320)
    rest = rig.play(9_600)
    assert np.array_equal(np.concatenate([first, answer[1_200:1_320], rest])[:9_600], answer)
    assert rig.state.playback.held.load() == 0


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=60),
    seed=st.integers(0, 100),
)
def test_whatever_the_holds_every_sample_sounds_at_full_level_or_in_a_fade(
    steps: list[tuple[bool, int]], seed: int
) -> None:
    """Positions never go back, never skip, and what is not in a fade is sample for sample right."""
    answer = np.random.default_rng(seed).integers(1, 30_000, 20_000, np.int16)
    with hold_rig() as rig:
        rig.answer(answer)
        before = 0
        number = 0
        for held, period in [*steps, *[(False, 500)] * 60]:
            number += held
            rig.hold(number) if held else rig.resume()
            out = rig.render(period)
            item, position = rig.handed
            assert item <= 1
            assert before <= position <= before + period
            if held:
                assert position == before
            elif position - before == period > FADE:
                assert np.array_equal(out[FADE:], answer[before + FADE : position])
            before = position
        assert before == len(answer)


def test_a_cut_in_a_hold_is_exactly_where_it_was_held(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    rig.play(480)
    rig.interrupt()
    assert not rig.render().any()
    assert rig.cut_at == rig.handed == Position(1, 1_200)
    rig.answer(loud(1_200), generation=1, item=2)
    assert np.all(rig.play(1_200) == LOUD), "the hold of the answer that was cut holds no other one"
    rig.hold(2)
    rig.render()
    assert rig.state.playback.held.load() == 2


def test_a_second_cut_leaves_the_position_where_the_answer_was_held(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    rig.play(480)
    for generation in (1, 2):
        rig.interrupt(generation)
        rig.render()
        assert rig.cut_at == rig.handed == Position(1, 1_200)


def test_a_cut_right_after_the_hold_has_faded_out_is_silent(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    assert rig.render(FADE).any()
    rig.interrupt()
    assert not rig.render().any()
    assert rig.cut_at == Position(1, 1_200)


def test_a_cut_while_the_hold_fades_out(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    faded = rig.render(40)
    rig.interrupt()
    faded = np.concatenate([faded, rig.render(200)])
    assert np.all(np.diff(faded.astype(int)) <= 0)
    assert not faded[FADE:].any()
    assert rig.cut_at == Position(1, 1_200)


def test_a_cut_while_the_answer_fades_in_again(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    rig.play(480)
    rig.resume()
    rig.render(30)
    assert rig.handed == Position(1, 1_230)
    rig.interrupt()
    fading = rig.render(120)
    assert not fading[fade_samples() :].any()
    assert rig.cut_at == Position(1, 1_230 + fade_samples())


def test_a_hold_while_the_answer_fades_in_again_does_not_click(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold(1)
    rig.play(480)
    rig.resume()
    sound = rig.render(60)
    rig.hold(2)
    sound = np.concatenate([sound, rig.render(240)])
    assert np.max(np.abs(np.diff(sound.astype(int)))) < LOUD // 20
    assert not sound[-60:].any()
    assert rig.handed == Position(1, 1_260)


def test_a_hold_while_nothing_sounds_holds_the_next_answer(rig: Rig) -> None:
    assert not rig.render().any()
    rig.hold()
    assert not rig.render().any()
    rig.answer(loud(2_400))
    assert not rig.play(1_200).any()
    rig.resume()
    assert np.all(rig.play(1_200) == LOUD)


def test_a_hold_that_nobody_ends_ends_by_itself(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    assert not rig.play(LONGEST_HOLD_MS * 24 - PERIOD)[FADE:].any()
    assert np.all(rig.play(1_200)[2 * FADE :] == LOUD)


def test_a_new_player_goes_on_where_the_answer_was_held(rig: Rig) -> None:
    answer = counted(4_800)
    rig.answer(answer)
    rig.play(1_200)
    rig.hold()
    rig.play(240)
    rig.start()
    assert not rig.render().any()
    rig.resume()
    assert np.array_equal(rig.play(1_200), answer[1_200:2_400])


def test_a_new_player_leaves_the_hold_of_dead_ears_alone(rig: Rig) -> None:
    rig.answer(loud(24_000))
    rig.play(1_200)
    rig.hold()
    rig.play(LONGEST_HOLD_MS * 24 + 1_200)
    for _ in range(2):
        rig.start()
        assert np.all(rig.play(1_200) == LOUD)
    rig.hold(2)
    rig.render()
    assert rig.state.playback.held.load() == 2


def test_a_new_player_leaves_the_hold_of_an_answer_alone_that_was_cut(rig: Rig) -> None:
    rig.answer(loud(4_800))
    rig.play(1_200)
    rig.hold()
    rig.play(240)
    rig.interrupt()
    rig.render()
    rig.start()
    rig.answer(loud(1_200), generation=1, item=2)
    assert np.all(rig.play(1_200) == LOUD)


def test_a_new_player_holds_for_no_longer_than_one(rig: Rig) -> None:
    rig.answer(loud(24_000))
    rig.play(1_200)
    rig.hold()
    rig.play(240)
    rig.start()
    assert not rig.play(LONGEST_HOLD_MS * 24 - PERIOD).any()
    assert np.all(rig.play(1_200)[PERIOD:] == LOUD)


def test_at_another_rate_the_held_position_stands_too(rig: Rig) -> None:
    rig.start(rate_hz=48_000)
    rig.answer(loud(4_800))
    rig.play(2_400, 240)
    before = rig.handed
    rig.hold()
    rig.play(2_400, 240)
    assert rig.handed == before
    rig.resume()
    rig.play(2_400, 240)
    assert rig.handed == Position(1, 2_400)


def test_a_duck_goes_on_beneath_without_a_click(rig: Rig) -> None:
    rig.start(duck=True)
    rig.answer(loud(9_600))
    sound = [rig.play(1_200)]
    rig.hold()
    sound.append(rig.play(1_200))
    assert np.all(sound[-1][FADE:] == LOUD // 10)
    rig.resume()
    sound.append(rig.play(1_200))
    assert np.all(sound[-1][FADE:] == LOUD)
    assert np.max(np.abs(np.diff(np.concatenate(sound).astype(int)))) < LOUD // 20
    assert rig.handed == Position(1, 3_600)


def test_a_duck_that_is_cut_gets_no_louder(rig: Rig) -> None:
    rig.start(duck=True)
    rig.answer(loud(9_600))
    rig.play(1_200)
    rig.hold()
    rig.play(1_200)
    rig.interrupt()
    fading = rig.play(480)
    assert np.all(np.diff(fading.astype(int)) <= 0)
    assert fading[0] <= LOUD // 10


def test_the_reference_is_what_sounds_and_counts_what_is_silent(rig: Rig) -> None:
    rig.render()
    rig.answer(counted(600))
    sounded = rig.play(600)
    frames = []
    while (frame := rig.reference.front()) is not None:
        frames.append((frame.item_offset_samples, frame.samples.copy()))
        rig.reference.advance()
    assert [start for start, _ in frames] == [120, 240, 360, 480, 600]
    assert np.array_equal(np.concatenate([samples for _, samples in frames]), sounded)


def test_what_fades_out_is_told_as_the_answer_that_was_cut(rig: Rig) -> None:
    rig.answer(loud(9_600))
    rig.play(4 * PERIOD)
    rig.interrupt()
    rig.answer(loud(9_600), generation=1, item=2)
    sounded = rig.play(8 * PERIOD)
    faded = np.flatnonzero(np.abs(np.diff(sounded.astype(int))) > LOUD // 2)[0] + 1
    told = [frame.generation for frame in rig.reference.waiting()]
    assert told == [0] * (4 + -(-faded // PERIOD)) + [1] * (8 - -(-faded // PERIOD))


def test_a_reference_that_is_not_read_is_dropped_and_counted() -> None:
    with hold_rig(reference_periods=4) as rig:
        rig.answer(loud(1_200))
        assert np.all(rig.play(1_200) == LOUD)
        assert rig.state.playback.reference_lost_periods.load() == 6
        rig.reference.advance(4)
        rig.answer(loud(120), item=2)
        rig.render()
        frame = rig.reference.front()
        assert frame is not None
        assert frame.item_offset_samples == 1_200


def test_a_period_longer_than_a_frame_is_published_whole(rig: Rig) -> None:
    answer = counted(4_000)
    rig.answer(answer)
    rig.render(3_840)
    parts = [rig.reference.front(behind) for behind in range(4)]
    lengths = [len(part.samples) for part in parts if part is not None]
    assert lengths == [1_200, 1_200, 1_200, 240]
