"""Where the echo is found although the cards tell wrong times."""

import numpy as np
import pytest

from pipeline.ears.aligner import Aligner
from pipeline.ears.card_times import (
    REACH_SAMPLES,
    REFERENCE_SAMPLES,
    WINDOW_SAMPLES,
    CardTimes,
    echo_delay,
    is_usual,
)
from pipeline.pcm import (
    BLOCK_SAMPLES,
    NS_PER_MS,
    SAMPLE_RATE_HZ,
    Samples,
    ms_to_samples,
    samples_to_ns,
)
from pipeline.shm.frames import Frame
from tests.support.echoes import babble, blocks, echo, pcm16

PERIOD = 120
PLAYED = babble(REFERENCE_SAMPLES / SAMPLE_RATE_HZ, seed=1)
SAME_TIME = slice(REACH_SAMPLES, REACH_SAMPLES + WINDOW_SAMPLES)


def heard(delay_ms: int) -> Samples:
    """Return what a microphone hears so much later, besides 32 ms of the room."""
    return pcm16(np.roll(echo(PLAYED, 0.3), ms_to_samples(delay_ms))[SAME_TIME])


@pytest.mark.parametrize("delay_ms", [-900, -60, 0, 100, 900])
def test_echo_is_found_within_a_second(delay_ms: int) -> None:
    assert echo_delay(heard(delay_ms), pcm16(PLAYED)) == ms_to_samples(delay_ms + 32)
    assert is_usual(ms_to_samples(delay_ms + 32)) is (delay_ms == 0)


def test_person_and_silence_are_no_echo() -> None:
    person = pcm16(babble(WINDOW_SAMPLES / SAMPLE_RATE_HZ, seed=2))
    assert echo_delay(person, pcm16(PLAYED)) is None
    assert echo_delay(np.zeros_like(person), pcm16(PLAYED)) is None
    assert echo_delay(person, np.zeros(REFERENCE_SAMPLES, np.int16)) is None


def take(times: CardTimes, microphone: Samples, position: int = 0) -> bool:
    """Let `times` take a window; whether it has taken all of it."""
    taken = [
        times.take(position + number * BLOCK_SAMPLES, block)
        for number, (block,) in enumerate(blocks(microphone))
    ]
    return any(taken)


def test_wrong_times_must_be_found_twice() -> None:
    times = CardTimes()
    for delay_ms, wrong_ms in ((300, 0), (500, 0), (502, 529)):
        assert take(times, heard(delay_ms))
        assert times.wrong_by(pcm16(PLAYED)) == ms_to_samples(wrong_ms)


def test_right_times_are_looked_at_once() -> None:
    times = CardTimes()
    assert take(times, heard(0))
    assert times.wrong_by(pcm16(PLAYED)) == 0
    assert not take(times, heard(300))
    times.begin_anew()
    assert take(times, heard(300))


def test_window_is_of_blocks_that_follow_each_other() -> None:
    times = CardTimes()
    assert not take(times, heard(0)[: WINDOW_SAMPLES // 2])
    assert not take(times, heard(0)[WINDOW_SAMPLES // 2 :], position=WINDOW_SAMPLES)
    assert take(times, heard(0), position=10 * WINDOW_SAMPLES)


@pytest.mark.parametrize("wrong_ms", [-400, 0, 400])
def test_reference_precedes_its_echo_although_the_times_are_wrong(wrong_ms: int) -> None:
    aligner, sound = Aligner(), babble(5, seed=3)
    played, microphone = pcm16(sound), pcm16(echo(sound, 0.3))
    ahead = ms_to_samples(60)
    for at in range(0, 4 * SAMPLE_RATE_HZ, BLOCK_SAMPLES):
        for start in range(at + ahead, at + ahead + BLOCK_SAMPLES, PERIOD):
            time_ns = samples_to_ns(start) + wrong_ms * NS_PER_MS
            period = Frame(0, 0, 0, start, time_ns, 0, played[start : start + PERIOD])
            aligner.sounds(period, SAMPLE_RATE_HZ)
        aligner.arrives(at, samples_to_ns(at))
        reference = aligner.reference(at, expected=True)
        aligner.heard(at, microphone[at : at + BLOCK_SAMPLES])
    echoed = at - ms_to_samples(32)
    precedes = [
        samples
        for samples in range(ms_to_samples(12), ms_to_samples(70))
        if np.array_equal(played[echoed + samples :][:BLOCK_SAMPLES], reference)
    ]
    assert len(precedes) == 1
    assert (aligner.wrong_samples != 0) is (wrong_ms != 0)
