"""Signals identify their answer, and utterances are found among the pauses."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.bench.signals import (
    CYCLE,
    LEAD_MS,
    LOWEST,
    SPEECH_LOWEST,
    answer,
    answer_sign,
    microphone,
    utterance_ends,
)
from pipeline.bench.wav_files import read_wav, write_wav
from pipeline.pcm import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ

CYCLE_MS = 300


def test_neighbouring_answers_differ_in_sign() -> None:
    assert [answer_sign(number) for number in range(4)] == [1, -1, 1, -1]
    assert (np.sign(answer(3, 0, 100)) == -1).all()


def test_no_sample_of_an_answer_is_silent() -> None:
    assert np.abs(answer(0, 0, 3 * SAMPLE_RATE_HZ)).min() == LOWEST


def test_parts_of_an_answer_join_exactly() -> None:
    whole = answer(1, 0, 2 * CYCLE)
    pieces = [answer(1, start, CYCLE // 2) for start in range(0, 2 * CYCLE, CYCLE // 2)]
    assert np.array_equal(whole, np.concatenate(pieces))


def test_each_cycle_of_the_microphone_has_one_utterance_at_a_random_place() -> None:
    signal = microphone(50, CYCLE_MS, FRAME_MS, np.random.default_rng(1))
    ends, going_on = utterance_ends(signal, was_loud=False)
    assert len(ends) == 50
    assert not going_on
    frame_ends = [-(-end // FRAME_SAMPLES) * FRAME_SAMPLES for end in ends]
    assert set(np.diff(frame_ends)) == {CYCLE_MS * SAMPLE_RATE_HZ // 1_000}
    assert len({end % FRAME_SAMPLES for end in ends}) > 40
    assert ends[0] > (LEAD_MS - 50) * SAMPLE_RATE_HZ // 1_000


@pytest.mark.parametrize("size", [1, 7, 120, 1200, 10_000])
def test_ends_are_found_in_parts_of_any_size(size: int) -> None:
    signal = microphone(5, CYCLE_MS, FRAME_MS, np.random.default_rng(2))
    found, loud = [], False
    for start in range(0, len(signal), size):
        ends, loud = utterance_ends(signal[start : start + size], was_loud=loud)
        found += [start + end for end in ends]
    assert found == utterance_ends(signal, was_loud=False)[0]


def test_the_loudest_negative_sample_is_loud() -> None:
    assert utterance_ends(np.array([-32_768, 0], np.int16), was_loud=False) == ([1], False)
    assert utterance_ends(np.array([SPEECH_LOWEST], np.int16), was_loud=False) == ([], True)


def test_a_wav_keeps_every_sample(tmp_path: Path) -> None:
    samples = answer(1, 0, 5_000)
    write_wav(tmp_path / "x.wav", samples)
    assert np.array_equal(read_wav(tmp_path / "x.wav"), samples)
