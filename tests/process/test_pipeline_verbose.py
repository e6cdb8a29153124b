"""With --verbose an error shows where in its child process it happened."""

from pathlib import Path

from tests.support.program import Program
from tests.support.scripted_service import ScriptedService
from tests.support.sound import noise, write_wav


def test_the_traceback_of_a_child_precedes_the_sentence(tmp_path: Path) -> None:
    tools = tmp_path / "tools.py"
    tools.write_text("def divide():\n    1 / 0\n\ndivide()\n")
    with (
        ScriptedService() as service,
        Program(
            *("run", "--endpoint", service.endpoint, "--tools", tools, "--verbose"),
            *("--input", write_wav(tmp_path / "spoken.wav", noise(1, -9, 9, seed=1))),
            *("--output", tmp_path / "heard.wav"),
            cwd=tmp_path,
            environment={"AZURE_VOICELIVE_API_KEY": service.KEY},
        ) as program,
    ):
        assert program.wait_exit() == 2, program.said
        *traceback, sentence = program.err.splitlines()
    assert sentence.startswith(f"error: {tools}, line 2: importing it raises ZeroDivisionError")
    assert any(f'File "{tools}", line 2, in divide' in line for line in traceback), program.said
