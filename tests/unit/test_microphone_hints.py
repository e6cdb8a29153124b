"""Hints about the level of the microphone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.shm.state import LevelReading, SharedState
from pipeline.supervisor.microphone_hints import MicrophoneHints
from pipeline.supervisor.pipeline import POLL_S
from pipeline.supervisor.unheard_speech import LOOKS_PER_S


class Microphone:
    """Publishes levels, as capture does, and collects the hints."""

    def __init__(self, state: SharedState) -> None:
        self._word = state.capture.level
        self._hints = MicrophoneHints(self._word)
        self._number = 0
        self._now_s = 100.0

    def give(self, peak: int, seconds: float, *, clips: bool = False) -> list[str]:
        said: list[str] = []
        for _ in range(round(seconds * LOOKS_PER_S)):
            self._number += 1
            self._word.store(LevelReading(self._number, peak, clips).packed())
            said += self._hints.notices(self._now_s)
            self._now_s += 1 / LOOKS_PER_S
        return said

    def murmur(self, seconds: float, *, answer_sounds: bool = False) -> list[str]:
        """Give what speech gives: a voice, with pauses in which the room is heard."""
        said: list[str] = []
        for number in range(round(seconds * LOOKS_PER_S)):
            self._number += 1
            peak = 3_000 if number % 5 < 3 else 80
            self._word.store(LevelReading(self._number, peak, False).packed())
            said += self._hints.notices(self._now_s, answer_sounds=answer_sounds)
            self._now_s += 1 / LOOKS_PER_S
        return said

    def service_hears(self, hearing: bool) -> None:
        assert self._hints.unheard is not None
        self._hints.unheard.service_hears(hearing)

    def stand_still(self, seconds: float) -> list[str]:
        said: list[str] = []
        for _ in range(round(seconds * LOOKS_PER_S)):
            said += self._hints.notices(self._now_s)
            self._now_s += 1 / LOOKS_PER_S
        return said


@pytest.fixture
def microphone() -> Iterator[Microphone]:
    with SharedState.create() as state:
        yield Microphone(state)


def test_a_reading_survives_its_word() -> None:
    for reading in (LevelReading(0, 0, False), LevelReading(9, 32_768, True)):
        assert LevelReading.unpacked(reading.packed()) == reading


def test_the_manual_says_how_often_the_level_is_looked_at() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "using.md").read_text(encoding="utf-8")
    assert (LOOKS_PER_S, POLL_S) == (4, 0.25)
    assert "is looked at four times a second:" in " ".join(manual.split())


def test_ordinary_sound_needs_no_hint(microphone: Microphone) -> None:
    assert microphone.give(4_000, 70) == []


def test_digital_silence_is_told_once_each_time(microphone: Microphone) -> None:
    assert microphone.give(0, 4.75) == []
    (told,) = microphone.give(0, 120)
    assert told.startswith("The microphone has given only digital silence for 5 s: unmute it")
    assert microphone.give(4_000, 1) == []
    assert len(microphone.give(0, 20)) == 1


def test_a_moment_of_sound_is_no_silence(microphone: Microphone) -> None:
    for _ in range(5):
        assert microphone.give(0, 4) == []
        assert microphone.give(300, 0.25) == []


def test_a_very_quiet_microphone_is_told_once(microphone: Microphone) -> None:
    assert microphone.give(40, 55) == []
    (told,) = microphone.give(40, 200)
    assert told.startswith("The microphone has been very quiet for 60 s")


def test_speech_now_and_then_is_not_quiet(microphone: Microphone) -> None:
    for _ in range(4):
        assert microphone.give(40, 50) == []
        assert microphone.give(5_000, 1) == []


def test_clipping_is_told_once(microphone: Microphone) -> None:
    assert microphone.give(32_768, 1, clips=True) == []
    (told,) = microphone.give(32_768, 30, clips=True)
    assert told.startswith("The microphone is clipping")


def test_rare_clipping_is_not_told(microphone: Microphone) -> None:
    for _ in range(10):
        assert microphone.give(32_768, 0.25, clips=True) == []
        assert microphone.give(4_000, 5) == []


def test_without_readings_nothing_is_told(microphone: Microphone) -> None:
    assert microphone.stand_still(120) == []


def test_a_card_that_stood_still_was_not_silent(microphone: Microphone) -> None:
    assert microphone.give(4_000, 1) == []
    assert microphone.stand_still(60) == []
    assert microphone.give(0, 4) == []


def test_a_voice_that_the_service_does_not_hear_is_told_once(microphone: Microphone) -> None:
    assert microphone.murmur(7) == []
    (told,) = microphone.murmur(60)
    assert told.startswith("The microphone has given something as loud as a voice for 8 s")
    assert "--vad-threshold" in told


def test_a_voice_that_the_service_hears_is_not_told(microphone: Microphone) -> None:
    for _ in range(10):
        assert microphone.murmur(2) == []
        microphone.service_hears(True)
        assert microphone.murmur(20) == []
        microphone.service_hears(False)


def test_a_lasting_noise_is_no_voice(microphone: Microphone) -> None:
    assert microphone.give(80, 3) == []
    assert microphone.give(3_000, 100) == []


def test_an_answer_that_the_microphone_hears_is_no_voice(microphone: Microphone) -> None:
    assert microphone.murmur(60, answer_sounds=True) == []


def test_silence_before_a_noise_makes_it_no_voice(microphone: Microphone) -> None:
    microphone.give(0, 4)
    assert microphone.give(3_000, 60) == []
