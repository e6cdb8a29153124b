"""Real speech through a sound card: a question into it, the answer out of it."""

import re
from pathlib import Path

import pytest
import soundfile
import soxr

from tests.support.jack_card import JackCard, JackPeer, wait_until
from tests.support.program import Program
from tests.support.sound import RATE_HZ
from tests.support.words import understood, word_error_rate, words

pytest.importorskip("moonshine_cpp", reason="the recogniser has no package for this machine")


def test_a_spoken_question_is_answered(card: JackCard, speech_dir: Path, tmp_path: Path) -> None:
    recorded, rate_hz = soundfile.read(speech_dir / "az_whatstheweatherlike.wav", dtype="int16")
    question = soxr.resample(recorded, rate_hz, RATE_HZ)
    with (
        JackPeer(card) as peer,
        Program("run", "--offline", cwd=tmp_path, environment=card.environment) as program,
    ):
        peer.connect(program.check_running)
        program.wait_output("Ready: speak")
        peer.say(question)
        wait_until(lambda: peer.said_all)
        program.wait_output("\nReady\n")
        heard = understood(peer.heard())
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert "You: What's the weather like?" in program.out
        # A busy machine lets the answer pause; the sentence that says so stands between its words.
        answer = " ".join(re.findall(r"^Assistant: (.+)$", program.out, re.MULTILINE))
    assert word_error_rate(words(answer), heard) < 0.15, (answer, heard)
