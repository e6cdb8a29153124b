"""Whole conversations with the built-in service: real speech in, real speech out.

The minute-long conversation of another test runs beside them, as other programs do.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.program import Program
from tests.support.sound import read_wav
from tests.support.words import understood, word_error_rate, words

pytest.importorskip("moonshine_cpp", reason="the recogniser has no package for this machine")
pytestmark = pytest.mark.usefixtures("minute")

SPOKEN_ALIKE = 0.15
"""Word error rate below which two texts count as the same words."""


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


def test_a_service_that_stands_still_is_replaced(speech_dir: Path, tmp_path: Path) -> None:
    question, rate_hz = soundfile.read(speech_dir / "az_whatstheweatherlike.wav", dtype="int16")
    silence = np.zeros(12 * rate_hz, np.int16)
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
