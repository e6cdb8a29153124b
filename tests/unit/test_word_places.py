"""Which words have been heard: marks in the text against a position in the sound."""

import pytest

from pipeline.network.word_places import WordPlaces
from pipeline.pcm import SAMPLE_RATE_HZ

TEXT = "One two, three four."
PACE = WordPlaces.TYPICAL_PACE


def timed(*words: tuple[str, int]) -> WordPlaces:
    places = WordPlaces()
    for word, samples in words:
        places.time(word, samples)
    return places


def heard(places: WordPlaces, samples: int, text: str = TEXT) -> str:
    return text[: places.heard(text, samples)]


def test_a_word_is_heard_from_its_beginning_on() -> None:
    places = timed(("One", 100), ("two", 5_000), ("three", 5_001), ("four", 9_000))
    expected = {100: "", 101: "One", 5_000: "One", 5_001: "One two,", 5_002: "One two, three"}
    for samples, words in expected.items():
        assert heard(places, samples) == words
    assert heard(places, 9_001) == TEXT


def test_a_word_without_a_time_lies_evenly_between_its_neighbours() -> None:
    places = timed(("One", 0), ("three", 9_000))
    assert heard(places, 3_990) == "One"
    assert heard(places, 4_010) == "One two,"


def test_words_wait_for_times_that_are_still_to_come() -> None:
    places = timed(("One", 100))
    places.receive(48_000)
    assert heard(places, 47_000) == "One"
    places.time("two", 40_000)
    assert heard(places, 47_000) == "One two,"
    places.complete = True
    assert heard(places, 48_000) == TEXT


def test_times_may_come_before_their_text() -> None:
    places = timed(("One", 100), ("two", 5_000), ("three", 7_000))
    assert heard(places, 8_000, "One t") == "One", "half a word is not found"
    assert heard(places, 6_000, "One two, th") == "One two,"
    assert heard(places, 8_000, "One two, three") == "One two, three"


def test_a_word_that_the_text_writes_otherwise_is_skipped() -> None:
    places = timed(("It", 0), ("costs", 2_000), ("five", 4_000), ("dollars", 6_000), ("now", 8_000))
    text = "It costs $5 now, or 5 later."
    assert heard(places, 7_900, text) == "It costs $5"
    assert heard(places, 8_001, text) == "It costs $5 now,"


def test_a_word_is_not_found_inside_another() -> None:
    places = timed(("a", 9_000))
    assert heard(places, 9_001, "Banana a b") == "Banana a"


def test_letters_without_spaces_are_words() -> None:
    places = WordPlaces()
    places.receive(4_000)
    places.complete = True
    assert heard(places, 2_001, "今日は雨") == "今日は"


def test_complete_sound_is_shared_by_the_letters() -> None:
    places = WordPlaces()
    places.receive(20_000)
    places.complete = True
    assert heard(places, 1) == "One"
    assert heard(places, 8_900) == "One two,"
    assert heard(places, 9_100) == "One two, three"
    assert heard(places, 19_999) == TEXT


def test_a_text_far_ahead_of_its_sound_is_paced() -> None:
    text = "word " * 60
    places = WordPlaces()
    places.receive(SAMPLE_RATE_HZ // 2)
    shown = heard(places, SAMPLE_RATE_HZ // 2, text)
    assert len(shown.split()) == 2, "15 letters a second"


def test_text_that_comes_after_the_sound_is_shown_at_once() -> None:
    places = WordPlaces()
    places.receive(1_000)
    places.complete = True
    assert heard(places, 1_000, "") == ""
    assert heard(places, 1_000) == TEXT


@pytest.mark.parametrize("silent", [False, True])
def test_a_text_is_shown_before_its_sound_only_if_it_has_none(silent: bool) -> None:
    places = WordPlaces()
    places.silent = silent
    assert heard(places, 0) == (TEXT if silent else "")
    places.complete = True
    assert heard(places, 0) == TEXT, "no sound came"


def test_what_was_heard_stays_heard() -> None:
    places = WordPlaces()
    places.receive(1_000)
    before = heard(places, 900, "On")
    places.receive(100_000)
    assert before == "On"
    assert heard(places, 500, "Once again") == "Once", "its rest has come"


def test_another_process_goes_on_with_the_marks() -> None:
    places = timed(("One", 100), ("three", 5_000), ("four", 9_000))
    before = heard(places, 5_001)
    other = WordPlaces()
    other.restore(places.marks, len(before))
    assert (before, heard(other, 9_000)) == ("One two, three", before)
    assert heard(other, 9_001) == TEXT
