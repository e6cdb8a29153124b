"""`check` as a person runs it."""

import json
from pathlib import Path

from pipeline.audio.selection import SAMPLE_WAV
from tests.support.program import Program
from tests.support.scripted_service import ScriptedService, ScriptedSession


async def answers(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.start_answer("r1")
    await session.say("r1", "i1", bytes(480))


def test_all_is_well(tmp_path: Path) -> None:
    with (
        ScriptedService(answers) as service,
        Program(
            *("check", "--json", "--endpoint", service.endpoint),
            *("--input", SAMPLE_WAV, "--output", "heard.wav"),
            cwd=tmp_path,
            environment={"AZURE_VOICELIVE_API_KEY": service.KEY},
        ) as program,
    ):
        assert program.wait_exit() == 0, program.said
        findings = json.loads(program.out)
        assert service.KEY not in program.said
    states = {finding["name"]: finding["state"] for finding in findings}
    assert states.pop("real-time rights") in ("fine", "advice")
    assert set(states.values()) == {"fine"}, program.said
    assert {"Python", "libraries", "microphone", "shared memory", "key", "first answer"} <= set(
        states
    )
    assert not list(tmp_path.iterdir())


def test_without_cards_the_offline_service_still_answers(tmp_path: Path) -> None:
    with Program("check", "--offline", cwd=tmp_path) as program:
        assert program.wait_exit() == 1, program.said
        lines = program.out.splitlines()
        assert "Traceback" not in program.said
    assert any(line.startswith("WRONG   microphone: none found: connect one") for line in lines)
    assert lines[-1].startswith("fine    first answer: begun")
