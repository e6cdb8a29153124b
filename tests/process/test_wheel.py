"""The wheel in a bare environment: README's first lines run there, and its types are seen."""

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.answers import positive
from tests.support.program import REPOSITORY, Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, write_wav

PROJECT = '''
"""A project that uses the library."""

import asyncio

from pipeline import (
    AssistantSaid,
    BlockingVoiceSession,
    MicrophoneInput,
    Settings,
    SoundBlock,
    SoundDrop,
    SoundFormat,
    SpeakerOutput,
    VoiceSession,
)

given: list[bytes] = []


async def microphone(samples: int) -> bytes:
    await asyncio.sleep(0)
    return bytes(2 * samples)


async def main() -> None:
    settings = Settings(turn_detection="none")
    speaker = SpeakerOutput(format=SoundFormat(48_000, 2), paced_by="caller", heard="confirmed")
    own = MicrophoneInput(microphone, SoundFormat(8_000))
    async with VoiceSession(settings, microphone=own, speaker=speaker) as session:
        session.begin_turn()
        session.speaker.request(480)
        async for item in session.speaker:
            if isinstance(item, SoundDrop):
                print(item.position, session.levels.speaker.peak_dbfs)
            else:
                given.append(item.pcm)
                session.speaker.heard_until(item.answer, item.end)


def blocking(block: SoundBlock | SoundDrop) -> None:
    print(block)


with BlockingVoiceSession(speaker=SpeakerOutput(blocking)) as session:
    words: list[str] = [event.text for event in session if isinstance(event, AssistantSaid)]
asyncio.run(main())
'''


def run(*command: object, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that holds the wheel, and its dependencies' path."""
    if int(version("setuptools").partition(".")[0]) < 77:
        pytest.skip("building the wheel without a network needs setuptools 77 (`make setup`)")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # setuptools writes beside the sources
    built = shutil.ignore_patterns("__pycache__", "kernel.c", "kernel.*.so")
    shutil.copytree(REPOSITORY / "pipeline", source / "pipeline", ignore=built)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    build = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source)
    run(*pip, "wheel", *build, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    place = "Scripts" if sys.platform == "win32" else "bin"
    python = folder / "venv" / place / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    purelib = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    dependencies = Path(purelib.strip()) / "dependencies.pth"
    dependencies.write_text(sysconfig.get_path("purelib") + "\n")
    return python


async def answers(session: ScriptedSession) -> None:
    await session.wait_for(lambda: session.count("response.create"))
    await session.start_answer("r1")
    await session.send("response.audio_transcript.delta", response_id="r1", delta="Good day.")
    await session.say("r1", "i1", positive(0.1, seed=1).tobytes())
    await session.send("response.audio_transcript.done", response_id="r1")
    await session.end_answer("r1", "i1")


def test_the_lines_of_the_readme_run(python: Path, tmp_path: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    code = readme.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "assistant.py").write_text(code, encoding="utf-8")
    spoken = write_wav(tmp_path / "spoken.wav", noise(0.5, 9, 90, seed=1))
    with ScriptedService(answers) as service:
        environment = {
            name: value for name, value in Program.environment().items() if name != "PYTHONPATH"
        }
        environment |= {
            "AZURE_VOICELIVE_ENDPOINT": service.endpoint,
            "AZURE_VOICELIVE_API_KEY": service.KEY,
            "AZURE_VOICELIVE_INPUT": str(spoken),
            "AZURE_VOICELIVE_OUTPUT": str(tmp_path / "heard.wav"),
        }
        said = run(python, "assistant.py", cwd=tmp_path, env=environment)
    assert "text='Good day.'" in said
    where = run(python, "-c", "import pipeline; print(pipeline.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(python.parents[1]), "the wheel runs, not these sources"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows may have no compiler")
def test_the_wheel_holds_the_compiled_kernel(python: Path, tmp_path: Path) -> None:
    code = "from pipeline.ears.compiled import COMPILED; print(COMPILED)"
    assert run(python, "-c", code, cwd=tmp_path) == "True\n"


def test_a_strictly_typed_project_sees_the_types(python: Path, tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(PROJECT)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)
    cache = REPOSITORY / ".mypy_cache" / "wheel"
    said = run(*mypy, "--cache-dir", cache, "project.py", cwd=tmp_path)
    assert re.match("Success: no issues found", said)
