"""Which words are spoken over answers in `bench ears`, and how they are counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile

from pipeline.bench.ears import script
from pipeline.bench.ears.options import EarsOptions
from pipeline.bench.ears.people import recorded_phrases, recorded_sentences, shortened
from pipeline.bench.ears.result import clean_words, with_agreed_words
from pipeline.bench.ears.situations import DOUBLE_TALK, HOLD
from pipeline.bench.ears.sounds import NEAR_DB, Phrase, active_level_db
from pipeline.bench.ears.voices import OfflineVoice
from pipeline.bench.ears.words import Words, word_errors, words_of
from pipeline.errors import UsageError
from pipeline.pcm import SAMPLE_RATE_HZ, Sound, ms_to_samples


def voiced(seconds: float) -> Sound:
    """Return what is as loud throughout as a voice."""
    random = np.random.default_rng(1)
    return random.uniform(-0.1, 0.1, round(seconds * SAMPLE_RATE_HZ)).astype(np.float32)


def quiet(seconds: float) -> Sound:
    return voiced(seconds) * np.float32(1e-3)


class Voice:
    """A service that says each text in a second, and understands these words one by one."""

    def __init__(self, *understood: str) -> None:
        self._understood: Iterator[str] = iter(understood)
        self.heard: list[Sound] = []

    def say(self, *texts: str) -> list[Sound]:
        return [voiced(1.0) for _ in texts]

    def understand(self, *recordings: Sound) -> list[str]:
        self.heard += recordings
        return [next(self._understood) for _ in recordings]


def as_service(voice: Voice) -> OfflineVoice:
    return cast("OfflineVoice", voice)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a sentence of three seconds, another of nine, and one without text."""
    for name, seconds in (("short", 3.0), ("long", 9.0), ("without", 3.0)):
        sound = np.concatenate([quiet(0.5), voiced(seconds), quiet(0.5)])
        soundfile.write(tmp_path / f"{name}.wav", sound, SAMPLE_RATE_HZ)
    (tmp_path / "short.txt").write_text("Six spoons of fresh snow peas.", encoding="utf-8")
    (tmp_path / "long.txt").write_text("Please call Stella.", encoding="utf-8")
    return tmp_path


def test_words() -> None:
    words = Words()
    words.count("Stop, please.", "stop please")
    words.count("What day is it?", "what a day it")
    assert (words.spoken, words.wrong) == (6, 2)
    assert words.misunderstood == [("What day is it?", "what a day it")]
    assert word_errors([], ["more"]) == 1
    assert Words().rate is None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Mr. Hale ran 10 metres!", "mister hale ran ten meters"),
        ("the 21st of May 2026", "the twenty-first of may twenty twenty-six"),
        ("1984, not 2005", "nineteen eighty four not two thousand five"),
        ("1,250 of 42", "one thousand two hundred fifty of forty-two"),
        ("\u2018I don\u2019t\u2019, he said: 'no'", "i don't he said no"),
        ("a shopboy \u2013 10s", "a shop boy ten s"),
        ("1" + "0" * 15, "one hundred trillion zero"),
    ],
)
def test_words_are_the_same_in_each_spelling(text: str, same: str) -> None:
    assert words_of(text) == words_of(same) == same.replace("-", " ").split()


def test_a_short_recording_with_a_text_beside_it_is_spoken_whole(folder: Path) -> None:
    (sentence,) = recorded_sentences(folder)
    assert sentence.words == "Six spoons of fresh snow peas."
    assert sentence.sound.size == pytest.approx(3 * SAMPLE_RATE_HZ, abs=240)
    assert active_level_db(sentence.sound) == pytest.approx(NEAR_DB, abs=0.1)


@pytest.mark.parametrize(
    ("content", "error"), [(b"...", "holds no words"), (b"\xff", "cannot be read")]
)
def test_a_text_without_words_is_an_error(folder: Path, content: bytes, error: str) -> None:
    (folder / "short.txt").write_bytes(content)
    with pytest.raises(UsageError, match=error):
        recorded_sentences(folder)


def test_a_phrase_that_is_too_long_ends_where_it_is_quietest() -> None:
    spoken = np.concatenate([voiced(0.5), quiet(0.06), voiced(1.0), quiet(0.06), voiced(2.0)])
    assert shortened(spoken).size == pytest.approx(ms_to_samples(1_590), abs=360)
    assert shortened(voiced(2.2)).size == ms_to_samples(2_200)


def test_recorded_phrases_interrupt_and_recorded_sentences_are_spoken_over(folder: Path) -> None:
    options, random = EarsOptions(speech=folder), np.random.default_rng(1)
    situations = (HOLD, DOUBLE_TALK)
    sounds = script.make_sounds(as_service(Voice()), situations, options, random)
    assert [sentence.words for sentence in sounds.sentences] == ["Six spoons of fresh snow peas."]
    assert sounds.long.size >= sounds.sentences[0].sound.size + SAMPLE_RATE_HZ
    phrases = recorded_phrases(folder)
    assert len(phrases) == 3
    assert all(phrase.sound.size <= ms_to_samples(2_200) for phrase in phrases)


def test_without_texts_the_service_speaks_as_many_sentences_as_there_is_time_for(
    folder: Path,
) -> None:
    for text in folder.glob("*.txt"):
        text.unlink()
    drawn = []
    for seed in (1, 1, 2):
        options = EarsOptions(speech=folder, quick=True)
        random = np.random.default_rng(seed)
        sounds = script.make_sounds(as_service(Voice()), (DOUBLE_TALK,), options, random)
        drawn.append([sentence.words for sentence in sounds.sentences])
    assert [len(words) for words in drawn] == [5, 5, 5]  # of 2 s with the pause, within 10 s
    assert drawn[0] == drawn[1] != drawn[2]


def test_words_count_where_the_service_understands_the_same_twice() -> None:
    phrases = [Phrase(voiced(0.5)), Phrase(voiced(0.5)), Phrase(voiced(0.5))]
    voice = Voice("Stop, mister.", "must chief", "", "stop Mr", "mischief", "")
    known = with_agreed_words(phrases, as_service(voice))
    assert [phrase.words for phrase in known] == ["Stop, mister.", "", ""]
    near, far = (active_level_db(sound) for sound in (voice.heard[0], voice.heard[3]))
    assert near - far == pytest.approx(6, abs=0.1)


def test_sentences_are_understood_without_an_answer() -> None:
    sentences = [Phrase(voiced(1.0), "Please call Stella."), Phrase(voiced(1.0), "Six spoons.")]
    words = clean_words(sentences, as_service(Voice("please tell stella", "six spoons")))
    assert (words.spoken, words.wrong) == (5, 1)
