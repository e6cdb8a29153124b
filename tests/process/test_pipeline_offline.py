"""Whole conversations with the built-in service: real speech in, real speech out.

A conversation of a minute with another service runs beside them, as other programs do. It is looked
at last: every sample passes exactly once and in order, both ways at the same time.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.measured import show_measured
from tests.support.minute import ANSWERS, SPOKEN, Minute, minute_of_talk
from tests.support.program import Program
from tests.support.sound import RATE_HZ, read_wav
from tests.support.words import understood, word_error_rate, words

needs_words = pytest.mark.skipif(
    find_spec("moonshine_cpp") is None, reason="the recogniser has no package for this machine"
)
pytestmark = pytest.mark.usefixtures("minute")

SPOKEN_ALIKE = 0.15
"""Word error rate below which two texts count as the same words."""


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minute]:
    with minute_of_talk(tmp_path_factory.mktemp("minute")) as talk:
        yield talk


@needs_words
def test_a_recorded_question_is_understood_and_answered(speech_dir: Path, tmp_path: Path) -> None:
    question = speech_dir / "az_whatstheweatherlike.wav"
    arguments = ("run", "--offline", "--input", question, "--output", "answer.wav")
    with Program(*arguments, cwd=tmp_path) as program:
        assert program.wait_exit() == 0, program.said
        assert not program.err
        assert "You: What's the weather like?" in program.out
        # A busy machine lets the answer pause; the sentence that says so stands between its words.
        answer = " ".join(re.findall(r"^Assistant: (.+)$", program.out, re.MULTILINE))
    heard = understood(read_wav(tmp_path / "answer.wav"))
    assert word_error_rate(words(answer), heard) < SPOKEN_ALIKE, (answer, heard)


@needs_words
def test_a_service_that_stands_still_is_replaced(speech_dir: Path, tmp_path: Path) -> None:
    question, rate_hz = soundfile.read(speech_dir / "az_whatstheweatherlike.wav", dtype="int16")
    silence = np.zeros(3 * rate_hz, np.int16)
    soundfile.write(tmp_path / "in.wav", np.concatenate((silence, question)), rate_hz)
    arguments = ("run", "--offline", "--input", "in.wav", "--output", "answer.wav")
    with Program(*arguments, cwd=tmp_path) as program:
        program.wait_output("Ready: speak")
        service = program.children()[0]
        service.suspend()
        program.wait_output("The offline service process did not work for 3 s: a new one")
        assert program.wait_exit() == 0, program.said
        assert not program.err
        assert "You: What's the weather like?" in program.out
    assert read_wav(tmp_path / "answer.wav").any()


@needs_words
def test_without_a_card_and_without_arguments(tmp_path: Path) -> None:
    with Program("run", cwd=tmp_path) as program:
        assert program.wait_exit() == 0, program.said
        assert not program.err
        said = program.out
    assert len(re.findall(r"^You: ", said, re.MULTILINE)) == 3
    assert re.search(r"^Interrupted after \d+\.\d\d s\.$", said, re.MULTILINE)
    shown = re.findall(r"^Assistant: (.+)$", said, re.MULTILINE)
    assert shown[0].endswith(".")
    assert shown[-2].endswith(" —"), "the story was interrupted"
    heard = understood(read_wav(tmp_path / "answer.wav"))
    assert word_error_rate(words(" ".join(shown)), heard) < SPOKEN_ALIKE, (shown, heard)


def test_the_service_gets_every_sample(minute: Minute) -> None:
    minute.wait_end()
    arrived = minute.arrived()
    assert np.array_equal(arrived[: len(SPOKEN)], SPOKEN)
    assert not arrived[len(SPOKEN) :].any(), "only silence may follow the recording"


def test_every_sample_of_the_answers_sounds(minute: Minute) -> None:
    minute.wait_end()
    recorded = minute.recorded()
    sounding = np.flatnonzero(recorded)
    assert np.array_equal(recorded[sounding], np.concatenate(ANSWERS))
    gaps_ms = (np.diff(sounding) - 1).sum() * 1_000 / RATE_HZ
    show_measured(f"silence inside the answers: {gaps_ms:.1f} ms")


def test_nothing_is_corrected_that_nobody_interrupted(minute: Minute) -> None:
    minute.wait_end()
    assert {event["type"] for event in minute.session.received} == {"session.update"}
