"""However it ends, at whatever moment: soon, with the right code, and with nothing left."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.support.measured import show_measured
from tests.support.program import GENEROUS_S, Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav, write_wav

INTERRUPTED = {0, 130, -signal.SIGINT}
"""A shell shows a program that SIGINT killed as 130."""

OUR_TRACEBACK = r'Traceback.*File "[^"]*/pipeline/(?!__main__)'
"""The interpreter shows one of its own if it is struck before `__main__` can prevent it."""

NOT_BEGUN = r"Fatal Python error|Could not (import|access) runpy"
"""The interpreter was struck before it ran any of the program; its exit code is 1 then."""

Strike = Callable[[Program], None]


def whole_group(program: Program) -> None:
    program.interrupt()


def supervisor_alone(program: Program) -> None:
    program.signal(signal.SIGINT)


def impatiently(program: Program) -> None:
    """As people press it: again and again."""
    for _ in range(5):
        if program.running:
            program.interrupt()
        time.sleep(0.03)


STRIKES = [whole_group, supervisor_alone, impatiently]


@pytest.mark.parametrize("after_s", [0.05, 0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("strike", STRIKES)
def test_ctrl_c_while_starting(strike: Strike, after_s: float, tmp_path: Path) -> None:
    with speaking(tmp_path) as program:
        time.sleep(after_s)
        code = end(program, strike)
        assert not re.search(OUR_TRACEBACK, program.err, re.DOTALL), program.said
        not_begun = re.search(NOT_BEGUN, program.err)
        assert code in ({1} if not_begun else INTERRUPTED), program.said


@pytest.mark.parametrize("strike", STRIKES)
def test_ctrl_c_while_connecting(strike: Strike, tmp_path: Path) -> None:
    with silent_host() as endpoint, start(endpoint, tmp_path) as program:
        program.wait_output("Connecting")
        check_interrupted(program, strike)


@pytest.mark.parametrize("strike", STRIKES)
def test_ctrl_c_while_an_answer_sounds(strike: Strike, tmp_path: Path) -> None:
    with speaking(tmp_path) as program:
        wait_sounding(program, tmp_path)
        check_interrupted(program, strike)
    assert read_wav(tmp_path / "heard.wav").any()


@pytest.mark.parametrize("strike", STRIKES)
def test_ctrl_c_while_idle(strike: Strike, tmp_path: Path) -> None:
    with idle(tmp_path) as program:
        program.wait_output("Ready: speak")
        check_interrupted(program, strike)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_other_endings_by_signal(number: signal.Signals, tmp_path: Path) -> None:
    with speaking(tmp_path) as program:
        wait_sounding(program, tmp_path)
        assert end(program, lambda p: p.signal(number)) == 128 + number


def twice(number: signal.Signals) -> Strike:
    """To the program and at once to its group, as `timeout` does and a shell that ends."""

    def strike(program: Program) -> None:
        program.signal(number)
        os.killpg(program.pid, number)

    return strike


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_to_the_whole_group_ends_a_recording_as_it_should(
    number: signal.Signals, tmp_path: Path
) -> None:
    events = tmp_path / "kept" / "events.jsonl"
    with (
        endless_answers() as service,
        start(service.endpoint, tmp_path, "--record", tmp_path / "kept") as program,
    ):
        wait_sounding(program, tmp_path)
        program.wait_until(lambda: events.exists() and '"clock"' in events.read_text())
        assert end(program, twice(number)) == 128 + number, program.said
        assert "The conversation was recorded to" in program.out
        assert "ended unexpectedly" not in program.out
        assert program.err == ""
    assert json.loads(events.read_text().splitlines()[-1])["record"] == "end"


def test_a_killed_supervisor_takes_all_with_it(tmp_path: Path) -> None:
    with speaking(tmp_path) as program:
        wait_sounding(program, tmp_path)
        code = end(program, lambda p: p.signal(signal.SIGKILL))
        assert code == -signal.SIGKILL
    assert read_wav(tmp_path / "heard.wav").any(), "what was recorded is readable"


def test_a_reader_that_leaves_early(tmp_path: Path) -> None:
    """`python -m pipeline run … | head -1`: the conversation goes on to its end."""
    sound = noise(0.5, 1, 20_000, seed=1)

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await session.speech_stopped()
        await session.start_answer("answer")
        await session.say("answer", "item", sound.tobytes())
        await session.end_answer("answer", "item")

    with ScriptedService(script) as service:
        spoken, heard = write_wav(tmp_path / "spoken.wav", noise(1, -9, 9, seed=1)), "heard.wav"
        arguments = ("run", "--endpoint", service.endpoint, "--input", spoken, "--output", heard)
        finished = subprocess.run(
            ["sh", "-c", f"{shlex.join(Program.command(*arguments))} | head -1"],
            cwd=tmp_path,
            env=Program.environment({"AZURE_VOICELIVE_API_KEY": service.KEY}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=GENEROUS_S,
            check=False,
        )
    assert len(finished.stdout.splitlines()) == 1
    assert finished.stderr == ""
    recorded = read_wav(tmp_path / heard)
    assert np.array_equal(recorded[recorded != 0], sound)


def run_arguments(endpoint: str, folder: Path) -> list[object]:
    spoken = write_wav(folder / "spoken.wav", noise(20, -9, 9, seed=1))
    return ["run", "--endpoint", endpoint, "--input", spoken, "--output", folder / "heard.wav"]


def start(endpoint: str, folder: Path, *arguments: object) -> Program:
    return Program(
        *run_arguments(endpoint, folder),
        *arguments,
        cwd=folder,
        environment={"AZURE_VOICELIVE_API_KEY": ScriptedService.KEY},
    )


def endless_answers() -> ScriptedService:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await session.start_answer("answer")
        for second in range(30):
            sound = noise(1, 1, 20_000, seed=second)
            await session.say("answer", "item", sound.tobytes())
            await session.speech_stopped()  # a line on standard output each time
            await asyncio.sleep(0.1)

    return ScriptedService(script)


@contextmanager
def speaking(folder: Path) -> Iterator[Program]:
    with endless_answers() as service, start(service.endpoint, folder) as program:
        yield program


@contextmanager
def idle(folder: Path) -> Iterator[Program]:
    async def script(_session: ScriptedSession) -> None:
        return

    with ScriptedService(script) as service, start(service.endpoint, folder) as program:
        yield program


@contextmanager
def silent_host() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def wait_sounding(program: Program, folder: Path) -> None:
    recording = folder / "heard.wav"
    program.wait_until(lambda: recording.exists() and recording.stat().st_size)


def check_interrupted(program: Program, strike: Strike) -> None:
    assert end(program, strike) in INTERRUPTED, program.said
    assert not program.err


def end(program: Program, strike: Strike) -> int:
    """Strike, wait until all is gone, print how long it took; returns the exit code."""
    segments = program.segments()
    members = program.members()
    struck_s = time.monotonic()
    strike(program)
    code = program.wait_exit()
    exited_s = time.monotonic()
    program.wait_gone()
    program.wait_until(lambda: not any(path.exists() for path in segments))
    gone_s = time.monotonic()
    show_measured(
        f"exit {code} after {exited_s - struck_s:.3f} s, all {len(members)} processes and "
        f"{len(segments)} segments gone after {gone_s - struck_s:.3f} s"
    )
    assert not [member for member in members if is_alive(member)]
    return code


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
