"""What is taken for words: a voice from an open mouth, heard beside the echo."""

import numpy as np
import pytest

from benchmarks.ear_sounds import at_level, mm_hms, own_voice, short_words, speech_folder
from pipeline.ears.blocks import Block
from pipeline.ears.near_end import NearEnd, NearSpeech
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ
from tests.support.echoes import Sound, babble

QUIET = np.zeros(BLOCK_SAMPLES, np.float32)


def in_blocks(sound: Sound) -> list[Block]:
    whole = sound[: sound.size // BLOCK_SAMPLES * BLOCK_SAMPLES]
    return list(whole.reshape(-1, BLOCK_SAMPLES).astype(np.float32))


def hear(
    near_end: NearEnd, sound: list[Block], *, voice: float, likely: bool = True
) -> list[NearSpeech]:
    return [near_end.hear(block, noticed=True, likely=likely, voice=voice) for block in sound]


def silence(near_end: NearEnd, blocks: int) -> list[NearSpeech]:
    return [near_end.hear(QUIET, noticed=False, likely=False, voice=0.0) for _ in range(blocks)]


def test_nobody_is_there_until_something_else_than_echo_is_noticed() -> None:
    near_end = NearEnd()
    assert set(silence(near_end, 50)) == {NearSpeech.NONE}
    assert hear(near_end, [QUIET], voice=0.0, likely=False) == [NearSpeech.UNDECIDED]


def test_voice_of_200_ms_is_a_person() -> None:
    told = hear(NearEnd(), in_blocks(babble(0.3, seed=1)), voice=0.9)
    assert told == [NearSpeech.UNDECIDED] * 19 + [NearSpeech.SPEECH] * 11


def test_cough_without_a_voice_is_nobody_200_ms_after_its_end() -> None:
    near_end = NearEnd()
    assert set(hear(near_end, in_blocks(babble(0.8, seed=2)), voice=0.2)) == {NearSpeech.UNDECIDED}
    assert silence(near_end, 21) == [NearSpeech.UNDECIDED] * 19 + [NearSpeech.NONE] * 2


def test_what_the_ears_do_not_take_for_speech_is_no_person() -> None:
    """An echo that has moved sounds like a voice."""
    near_end = NearEnd()
    told = [
        near_end.hear(block, noticed=True, likely=False, voice=0.9, echo_known=False)
        for block in in_blocks(babble(2, seed=3))
    ]
    assert set(told) == {NearSpeech.UNDECIDED}


def test_voice_that_is_no_likely_speech_is_a_person_once_it_lasts() -> None:
    """It is far below the echo."""
    told = hear(NearEnd(), in_blocks(babble(1, seed=3)), voice=0.9, likely=False)
    assert told.index(NearSpeech.SPEECH) == 54


def test_what_is_heard_before_a_word_does_not_hide_it() -> None:
    near_end = NearEnd()
    at = np.arange(3 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    rumble = np.asarray(0.1 * np.sin(2 * np.pi * 100 * at), np.float32)
    hear(near_end, in_blocks(rumble), voice=0.0, likely=False)
    assert NearSpeech.SPEECH in hear(near_end, in_blocks(babble(0.6, seed=8)), voice=0.9)


def test_all_that_is_heard_may_be_a_person_without_detectors() -> None:
    near_end = NearEnd()
    told = [
        near_end.hear(QUIET, noticed=noticed, likely=False, voice=0.0, decides=False)
        for noticed in [True] + [False] * 50
    ]
    assert told == [NearSpeech.SPEECH] * 50 + [NearSpeech.NONE]


def test_person_stays_through_gaps_of_half_a_second() -> None:
    near_end = NearEnd()
    hear(near_end, in_blocks(babble(0.3, seed=4)), voice=0.9)
    assert set(silence(near_end, 49)) == {NearSpeech.SPEECH}
    hear(near_end, in_blocks(babble(0.05, seed=5)), voice=0.9)
    assert silence(near_end, 51)[48:] == [NearSpeech.SPEECH, NearSpeech.NONE, NearSpeech.NONE]


def test_what_was_heard_before_counts_no_more() -> None:
    near_end = NearEnd()
    hear(near_end, in_blocks(babble(0.15, seed=6)), voice=0.9)
    silence(near_end, 20)
    assert set(hear(near_end, in_blocks(babble(0.15, seed=7)), voice=0.9)) == {NearSpeech.UNDECIDED}


def test_hummed_assents_are_no_words() -> None:
    for hum in mm_hms(12):
        assert NearSpeech.SPEECH not in hear(NearEnd(), in_blocks(at_level(hum, -26.0)), voice=0.9)


def test_hum_that_goes_on_for_a_second_is_a_person() -> None:
    at = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    hum = np.asarray(0.1 * np.sin(2 * np.pi * 150 * at), np.float32)
    assert hear(NearEnd(), in_blocks(hum), voice=0.9).index(NearSpeech.SPEECH) == 84


def test_words_after_a_hum_are_a_person() -> None:
    near_end = NearEnd()
    hear(near_end, in_blocks(at_level(mm_hms(1)[0], -30.0)), voice=0.9)
    assert NearSpeech.SPEECH in hear(near_end, in_blocks(own_voice()[:SAMPLE_RATE_HZ]), voice=0.9)


def test_short_beginnings_of_real_words_are_a_person() -> None:
    if speech_folder() is None:
        pytest.skip("no folder shared/speech beside the project")
    words = short_words(40)
    told = [NearSpeech.SPEECH in hear(NearEnd(), in_blocks(word), voice=0.9) for word in words]
    assert sum(told) >= 38


def test_person_speaks_on_into_the_next_answer_unless_silent_for_long() -> None:
    near_end = NearEnd()
    hear(near_end, in_blocks(babble(0.3, seed=9)), voice=0.9)
    for _ in range(49):
        near_end.rest()
    assert silence(near_end, 1) == [NearSpeech.NONE]
    hear(near_end, in_blocks(babble(0.3, seed=9)), voice=0.9)
    for _ in range(15):
        near_end.rest()
    assert hear(near_end, in_blocks(babble(0.05, seed=9)), voice=0.0) == [NearSpeech.SPEECH] * 5


def test_first_sound_of_a_word_is_kept_back_before_it_is_noticed() -> None:
    near_end = NearEnd()
    silence(near_end, 50)
    told = [
        near_end.hear(QUIET, noticed=False, likely=False, voice=0.0, unexplained=block == 0)
        for block in range(22)
    ]
    assert told == [NearSpeech.UNDECIDED] * 20 + [NearSpeech.NONE] * 2
