"""The model calls a user's functions: they are heard when they answer, and only then."""

import asyncio
import threading
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.support.answers import answer, check_cut, end_cancelled, negative, positive
from tests.support.at_once import Held, by_name
from tests.support.hearing import end_when_heard, wait_sounding
from tests.support.program import GENEROUS_S
from tests.support.runs import HEARD, run_on_files
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, read_wav

MISBEHAVING = '''
import ctypes
import os
import time

print("loaded")


def wait() -> str:
    """Wait for a long time."""
    time.sleep(30)
    return "waited"


def compute() -> int:
    """Compute for five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        pass
    return 1


def hold() -> bool:
    """Hold the interpreter in one call, for three seconds."""
    return bool(ctypes.PyDLL(None).sleep(3))


def leave() -> None:
    """End the process."""
    os._exit(3)


def ping() -> str:
    """Answer at once."""
    print("pinged")
    return "pong"
'''

SPOKEN = noise(6, -32_768, 32_767, seed=1)
LONG_ANSWER = positive(20, seed=2)
LAST_ANSWER = negative(1, seed=3)


async def call(session: ScriptedSession, response: str, *names: str) -> None:
    """A response that calls functions without arguments; the call's id is the function's name."""
    await session.start_answer(response)
    for index, name in enumerate(names):
        await session.send(
            "response.function_call_arguments.done",
            response_id=response,
            item_id=f"item_{name}",
            output_index=index,
            call_id=name,
            name=name,
            arguments="{}",
        )
    await session.send("response.done", response={"id": response, "status": "completed"})


async def misbehave(session: ScriptedSession, recording: Path) -> None:
    await session.wait_for(lambda: session.heard)
    await call(session, "busy", "wait", "compute", "hold")
    await answer(session, "long", LONG_ANSWER)
    await wait_sounding(recording)
    await session.speech_started()
    await answer(session, "long", positive(1, seed=4), created=True)  # late deltas
    await end_cancelled(session, "long")
    await session.speech_stopped()
    await call(session, "fatal", "leave")
    await session.wait_for(lambda: session.count("response.create") == 1)
    await call(session, "sane", "ping")
    await session.wait_for(lambda: session.count("response.create") == 2)
    await answer(session, "last", LAST_ANSWER)
    await session.end_answer("last", "item_last")


def outputs(session: ScriptedSession) -> list[tuple[str, str]]:
    items = [e["item"] for e in session.received if e["type"] == "conversation.item.create"]
    return [(item["call_id"], item["output"]) for item in items]


def misbehaving_functions_disturb_nothing(folder: Path) -> None:
    tools = folder / "misbehaving.py"
    tools.write_text(MISBEHAVING)
    with (
        ScriptedService(partial(misbehave, recording=folder / HEARD)) as service,
        run_on_files(service, folder, SPOKEN, "--tools", tools) as program,
    ):
        assert program.wait_exit() == 0, program.said
        assert "tool | pinged" in program.out, program.said
        assert "Traceback" not in program.err
        (session,) = service.sessions

    answered = outputs(session)
    assert Counter(call_id for call_id, _ in answered) == Counter(
        ["wait", "compute", "hold", "leave", "ping"]
    )
    told = dict(answered)
    assert all("interrupted" in told[name] for name in ("wait", "compute", "hold"))
    assert told["leave"].startswith("error: ")
    assert told["ping"] == '"pong"'

    arrived = np.frombuffer(bytes(session.heard), np.int16)
    assert np.array_equal(arrived[: len(SPOKEN)], SPOKEN)
    recorded = read_wav(folder / "heard.wav")
    old, new = np.flatnonzero(recorded > 0), np.flatnonzero(recorded < 0)
    heard = recorded[old[0] : old[-1] + 1]
    heard_samples = check_cut(heard, LONG_ANSWER)
    assert np.array_equal(recorded[new[0] : new[-1] + 1], LAST_ANSWER)
    (truncation,) = [e for e in session.received if e["type"] == "conversation.item.truncate"]
    assert truncation["audio_end_ms"] == heard_samples // 24


def a_function_beyond_its_time_is_replaced(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await call(session, "stuck", "wait")
        await session.wait_for(lambda: session.count("response.create") == 1)
        await asyncio.to_thread(replaced.wait, GENEROUS_S)
        await call(session, "sane", "ping")
        await session.wait_for(lambda: session.count("response.create") == 2)
        await answer(session, "last", LAST_ANSWER)
        await session.end_answer("last", "item_last")

    replaced = threading.Event()
    tools = folder / "misbehaving.py"
    tools.write_text(MISBEHAVING)
    with (
        ScriptedService(script) as service,
        run_on_files(
            service, folder, SPOKEN[:24_000], "--tools", tools, "--tool-timeout-s", "1.5"
        ) as program,
    ):
        program.wait_until(lambda: program.out.count("tool | loaded") == 2)
        replaced.set()
        end_when_heard(program, folder / HEARD, LAST_ANSWER)
        assert "the tools process was stopped" in program.out, program.said
        (session,) = service.sessions
    answered = outputs(session)
    assert [call_id for call_id, _ in answered] == ["wait", "ping"]
    assert "took longer than 1.5 s" in answered[0][1]
    assert answered[1][1] == '"pong"'


SPYING = '''
import os
from pathlib import Path


def spy() -> list[str]:
    """Tell what the system shows of this process and its parent, and their environment."""
    seen = [str(dict(os.environ))]
    for process in ("self", os.getppid()):
        for name in ("environ", "cmdline"):
            path = Path(f"/proc/{process}/{name}")
            if path.exists():
                seen.append(path.read_bytes().decode())
    return seen
'''


def a_function_sees_no_key(folder: Path) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await call(session, "spying", "spy")
        await session.wait_for(lambda: session.count("response.create") == 1)
        await answer(session, "last", LAST_ANSWER)
        await session.end_answer("last", "item_last")

    tools = folder / "spying.py"
    tools.write_text(SPYING)
    (folder / ".env").write_text("OFFLINE_REPLY_KEY=another-secret\nSHOWN=of-dotenv\n")
    with (
        ScriptedService(script) as service,
        run_on_files(service, folder, SPOKEN[:24_000], "--tools", tools) as program,
    ):
        end_when_heard(program, folder / HEARD, LAST_ANSWER)
        (session,) = service.sessions
    ((_, seen),) = outputs(session)
    assert "of-dotenv" in seen
    assert "pipeline" in seen
    assert service.KEY not in seen
    assert "another-secret" not in seen


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        (None, (), "There is no file"),
        ("def f(:\n", (), "line 1: invalid syntax"),
        ("def f(x):\n    '''Do.'''\n    return x\n", (), "type"),
        (MISBEHAVING, ("--tool-choice", "pong"), "--tool-choice is 'pong'"),
    ],
)
def test_bad_files_are_told_in_one_sentence(
    content: str | None, arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    tools = tmp_path / "tools.py"
    if content is not None:
        tools.write_text(content)

    async def nothing(session: ScriptedSession) -> None:
        del session

    with (
        ScriptedService(nothing) as service,
        run_on_files(service, tmp_path, SPOKEN[:24_000], "--tools", tools, *arguments) as program,
    ):
        assert program.wait_exit() == 2, program.said
        (line,) = program.err.splitlines()
    assert line.startswith("error: ")
    assert sentence in line, line


CHECKS = by_name(
    misbehaving_functions_disturb_nothing,
    a_function_beyond_its_time_is_replaced,
    a_function_sees_no_key,
)


@pytest.mark.parametrize("name", CHECKS)
def test_functions(held: Held, name: str) -> None:
    held.look(name)
