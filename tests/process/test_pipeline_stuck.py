"""A process that runs but does not work is noticed, and so is its recovery."""

import signal
from pathlib import Path

import pytest

from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise


async def listen(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.heard)
    await session.send("input_audio_buffer.speech_started")


CHILDREN = ("network process", "loudspeaker", "microphone")


@pytest.mark.parametrize("name", CHILDREN)
def test_a_standstill_is_noticed(name: str, tmp_path: Path) -> None:
    with (
        ScriptedService(listen) as service,
        run_on_files(service, tmp_path, noise(60, -9, 9, seed=1)) as program,
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
