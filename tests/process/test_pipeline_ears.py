"""The ears' process beside the others, killed and stopped while a coded microphone runs."""

import signal
from pathlib import Path

import numpy as np

from tests.support.program import Program
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
        program.wait_output("only the service notices that you speak")
        wait_more(program, session, 1)
        assert np.array_equal(heard(session), SPOKEN[: len(heard(session))])
        program.interrupt()
        assert program.wait_exit() == 0, program.said


def wait_more(program: Program, session: ScriptedSession, seconds: float) -> None:
    """Wait until the service has heard so much more."""
    enough_bytes = len(session.heard) + seconds * BYTES_PER_S
    program.wait_until(lambda: len(session.heard) >= enough_bytes)


def heard(session: ScriptedSession) -> Samples:
    return np.frombuffer(bytes(session.heard), np.int16)
