"""The programs in `examples/`, as a user starts them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.answers import positive
from tests.support.at_once import Held, by_name
from tests.support.program import REPOSITORY, Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav, write_wav

WITHIN_S = 60.0
ANSWER = positive(0.3, seed=5)


def run_example(name: str, service: ScriptedService, folder: Path, *arguments: object) -> str:
    """Run an example to its end; return what it prints."""
    environment = {
        "AZURE_VOICELIVE_ENDPOINT": service.endpoint,
        "AZURE_VOICELIVE_API_KEY": service.KEY,
        "AZURE_VOICELIVE_INPUT": "spoken.wav",
        "AZURE_VOICELIVE_OUTPUT": "heard.wav",
    }
    write_wav(folder / "spoken.wav", noise(0.5, 9, 90, seed=1))
    done = subprocess.run(
        [sys.executable, REPOSITORY / "examples" / name, *map(str, arguments)],
        cwd=folder,
        env=Program.environment(environment),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def answer(session: ScriptedSession, response: str = "r1") -> None:
    await session.start_answer(response)
    words = {"response_id": response, "delta": "Good day."}
    await session.send("response.audio_transcript.delta", **words)
    await session.say(response, "i1", ANSWER.tobytes())
    await session.end_answer(response, "i1")


async def answers_text(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await answer(session)


async def answers_speech(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    await session.speech_started()
    await session.speech_stopped()
    said = {"item_id": "user", "transcript": "Good morning."}
    await session.send("conversation.item.input_audio_transcription.completed", **said)
    await answer(session)


async def calls_functions(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    await session.start_answer("calls")
    for name, arguments in (
        ("add_to_list", '{"item": "milk"}'),
        ("wait_seconds", '{"seconds": 0}'),
    ):
        call = {"response_id": "calls", "call_id": name, "name": name, "arguments": arguments}
        await session.send("response.function_call_arguments.done", **call)
    await session.end_answer("calls", "nothing")
    await session.wait_for(lambda: session.count("response.create"))
    await answer(session)


def the_ten_lines(folder: Path) -> None:
    with ScriptedService(answers_text) as service:
        said = run_example("assistant.py", service, folder)
    assert "text='Greet me in one sentence.'" in said
    assert "text='Good day.'" in said


def test_the_ten_lines_are_those_of_the_manual() -> None:
    code = (REPOSITORY / "examples/assistant.py").read_text().partition('"""\n\n')[2]
    for document in ("README.md", "docs/api.md"):
        shown = (REPOSITORY / document).read_text().partition("```python\n")[2].partition("```")[0]
        assert shown == code, document


def functions_of_the_program(folder: Path) -> None:
    with ScriptedService(calls_functions) as service:
        said = run_example("assistant_with_tools.py", service, folder)
    assert '[add_to_list {"item": "milk"}]' in said
    assert '[["milk"]]' in said
    assert '["The time is over."]' in said
    assert said.endswith("Good day.\nTo buy: milk\n")


def a_batch_of_recordings(folder: Path) -> None:
    questions = [write_wav(folder / f"{n}.wav", noise(0.5, 9, 90, seed=n)) for n in (1, 2)]
    with ScriptedService(answers_speech) as service:
        said = run_example("wav_batch.py", service, folder, *questions, folder / "missing.wav")
    lines = said.splitlines()
    for question in questions:
        assert lines.count(f"{question}: user: Good morning.") == 1
        assert lines.count(f"{question}: assistant: Good day.") == 1
        heard = read_wav(question.with_stem(f"{question.stem}-answer"))
        assert (heard[heard != 0] == ANSWER).all()
    assert "missing.wav" in lines[-1]
    assert len(lines) == 5


CHECKS = by_name(a_batch_of_recordings, the_ten_lines, functions_of_the_program)


@pytest.mark.parametrize("name", CHECKS)
def test_an_example(held: Held, name: str) -> None:
    held.look(name)


def test_a_batch_of_nothing_tells_its_usage() -> None:
    batch = REPOSITORY / "examples" / "wav_batch.py"
    done = subprocess.run(
        [sys.executable, batch], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    said = "No recording given, expected: wav_batch.py QUESTION.wav ...\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
