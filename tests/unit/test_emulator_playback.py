"""The estimate of what a client has played."""

import pytest

from pipeline.emulator.responses.playback import Playback, Unheard
from pipeline.pcm import SAMPLE_RATE_HZ


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def playback(clock: Clock) -> Playback:
    return Playback(clock)


def test_nothing_sounds_at_first(playback: Playback) -> None:
    assert not playback.is_sounding
    assert playback.stop() == []


def test_an_answer_sounds_after_it_was_sent(clock: Clock, playback: Playback) -> None:
    for _ in range(10):
        playback.sent("a", SAMPLE_RATE_HZ)
        clock.now_s += 1 / 16
    clock.now_s = 109.5
    assert playback.is_sounding
    clock.now_s = 110.0
    assert not playback.is_sounding


def test_an_interruption_returns_how_much_was_heard(clock: Clock, playback: Playback) -> None:
    playback.sent("a", 5 * SAMPLE_RATE_HZ)
    clock.now_s += 1.5
    assert playback.stop() == [Unheard("a", 1_500)]
    assert not playback.is_sounding
    assert playback.stop() == []


def test_answers_sound_one_after_the_other(clock: Clock, playback: Playback) -> None:
    playback.sent("a", 2 * SAMPLE_RATE_HZ)
    playback.sent("b", 3 * SAMPLE_RATE_HZ)
    clock.now_s += 1
    assert playback.stop() == [Unheard("a", 1_000), Unheard("b", 0)]
    playback.sent("c", SAMPLE_RATE_HZ)
    playback.sent("d", SAMPLE_RATE_HZ)
    clock.now_s += 1.25
    assert playback.stop() == [Unheard("d", 250)]


def test_sound_that_comes_late_leaves_a_gap(clock: Clock, playback: Playback) -> None:
    playback.sent("a", SAMPLE_RATE_HZ)
    clock.now_s += 1.75
    playback.sent("a", SAMPLE_RATE_HZ)
    clock.now_s += 0.5
    assert playback.stop() == [Unheard("a", 1_500)]
