"""A machine without any sound card still shows a conversation."""

from pathlib import Path

import numpy as np

from pipeline.audio.selection import SAMPLE_WAV
from tests.support.answers import answer
from tests.support.runs import run_against
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav


def test_the_sample_speaks_and_a_file_listens(tmp_path: Path) -> None:
    answered = noise(1, 1, 20_000, seed=1)

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: len(session.heard) > 100_000)
        await answer(session, "answer", answered)
        await session.end_answer("answer", "item_answer")

    with (
        ScriptedService(script) as service,
        run_against(service, tmp_path) as program,
    ):
        program.wait_output("\nReady\n")
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert (
            "No microphone found: a recorded user speaks instead. "
            "No loudspeaker found: the answers are saved to answer.wav.\n"
        ) in program.out, program.said

    (session,) = service.sessions
    arrived = np.frombuffer(bytes(session.heard), np.int16)
    assert np.array_equal(arrived, read_wav(SAMPLE_WAV)[: len(arrived)])
    recorded = read_wav(tmp_path / "answer.wav")
    assert np.array_equal(recorded[recorded != 0], answered)
