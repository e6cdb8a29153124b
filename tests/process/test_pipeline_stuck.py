"""A process that runs but does not work is noticed, and so is its recovery."""

import signal
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, write_wav


async def listen(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    await session.send("input_audio_buffer.speech_started")


CHILDREN = ("network process", "loudspeaker", "microphone")


@pytest.mark.parametrize("name", CHILDREN)
def test_a_standstill_is_noticed(name: str, tmp_path: Path) -> None:
    with (
        ScriptedService(listen) as service,
        Program(
            *("run", "--endpoint", service.endpoint),
            *("--input", write_wav(tmp_path / "spoken.wav", noise(60, -9, 9, seed=1))),
            *("--output", tmp_path / "heard.wav"),
            cwd=tmp_path,
            environment={"AZURE_VOICELIVE_API_KEY": service.KEY},
        ) as program,
    ):
        program.wait_output("Listening")
        stuck = program.children()[CHILDREN.index(name)]
        stuck.send_signal(signal.SIGSTOP)
        program.wait_output(f"The {name} has not worked for 3 s: ")
        stuck.send_signal(signal.SIGCONT)
        program.wait_output(f"The {name} is working again.")
        program.interrupt()
        program.wait_exit()
        assert program.out.count("has not worked") == 1
