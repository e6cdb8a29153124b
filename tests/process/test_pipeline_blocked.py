"""A process that reads nothing, or holds its interpreter, blocks neither the others nor the end."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.at_once import Held, by_name
from tests.support.program import GENEROUS_S, Program
from tests.support.scripted_service import Script, ScriptedService, ScriptedSession
from tests.support.sound import noise, write_wav
from tests.support.voice_processes import signal_process

MEGABYTE = 1 << 20
BIG_RESULTS = 8
"""Together far more than a pipe holds."""

TOOLS = '''
import ctypes
import os
import time

native = ctypes.PyDLL(None)  # its calls hold the interpreter
print("loaded")


def write() -> int:
    """Write a megabyte to standard output, natively."""
    written = 0
    while written < 1 << 20:
        written += native.write(1, b"x" * 79 + b"\\n", 80)
    return written


def hold() -> None:
    """Hold the interpreter for ever."""
    print("holding")
    native.sleep(1_000_000)


def measure(text: str) -> int:
    """Return the length of a text."""
    return len(text)


def big() -> str:
    """Wait until the file "gate" is there, then return a long result."""
    while not os.path.exists("gate"):
        time.sleep(0.01)
    print("let go")
    return "x" * 60_000


def sleep() -> None:
    """Sleep for ever."""
    time.sleep(1_000_000)
'''


async def call(session: ScriptedSession, response: str, *calls: tuple[str, str, str]) -> None:
    """A response that calls functions: id of the call, name, arguments."""
    await session.start_answer(response)
    for index, (call_id, name, arguments) in enumerate(calls):
        await session.send(
            "response.function_call_arguments.done",
            response_id=response,
            item_id=f"item_{call_id}",
            output_index=index,
            call_id=call_id,
            name=name,
            arguments=arguments,
        )
    await session.send("response.done", response={"id": response, "status": "completed"})


def outputs(session: ScriptedSession) -> dict[str, str]:
    items = [e["item"] for e in session.received if e["type"] == "conversation.item.create"]
    return {item["call_id"]: item["output"] for item in items}


@contextmanager
def conversation(script: Script, folder: Path, timeout_s: float) -> Iterator[Program]:
    tools = folder / "tools.py"
    tools.write_text(TOOLS)
    with (
        ScriptedService(script) as service,
        Program(
            *("run", "--endpoint", service.endpoint),
            *("--input", write_wav(folder / "spoken.wav", noise(60, -9, 9, seed=1))),
            *("--output", folder / "heard.wav"),
            *("--tools", tools, "--tool-timeout-s", timeout_s),
            cwd=folder,
            environment={"AZURE_VOICELIVE_API_KEY": service.KEY},
        ) as program,
    ):
        yield program


def end(program: Program) -> None:
    """Press Ctrl-C and wait until all is gone; print how long it took."""
    struck_s = time.monotonic()
    program.interrupt()
    assert program.wait_exit() == 0, program.said
    program.wait_gone()
    print(f"all gone {time.monotonic() - struck_s:.3f} s after Ctrl-C")  # noqa: T201
    assert program.err == ""


def functions_that_hold_the_interpreter_come_back(folder: Path) -> None:
    told: dict[str, str] = {}
    replaced = threading.Event()

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await call(session, "native", ("write", "write", "{}"))
        await session.wait_for(lambda: session.count("response.create") == 1)
        text = json.dumps({"text": "x" * MEGABYTE})
        await call(session, "held", ("hold", "hold", "{}"), ("late", "measure", text))
        await session.wait_for(lambda: session.count("response.create") == 2)
        await asyncio.to_thread(replaced.wait, GENEROUS_S)
        await call(session, "sane", ("sane", "measure", text))
        await session.wait_for(lambda: session.count("response.create") == 3)
        told.update(outputs(session))

    with conversation(script, folder, timeout_s=3) as program:
        program.wait_until(lambda: program.out.count("tool | loaded") == 2)
        replaced.set()
        program.wait_until(lambda: "sane" in told)
        assert "tool | " + "x" * 79 in program.out
        assert "the tools process was stopped" in program.out, program.said
        end(program)
    assert int(told["write"]) >= MEGABYTE
    assert "took longer than 3 s" in told["hold"]
    assert told["late"].startswith("error: the function")
    assert told["sane"] == str(MEGABYTE)


def a_network_process_that_reads_nothing_blocks_nothing(folder: Path) -> None:
    calls = [(f"big_{n}", "big", "{}") for n in range(BIG_RESULTS)]

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await call(session, "many", *calls, ("sleep", "sleep", "{}"))

    with conversation(script, folder, timeout_s=5) as program:
        program.wait_output("Calling sleep")
        signal_process(program, "network", signal.SIGSTOP)
        (folder / "gate").touch()
        # Threads that print at once may share a line.
        program.wait_until(lambda: program.out.count("let go") == BIG_RESULTS)
        program.wait_output("The network process did not work for 3 s: a new one connects again.")
        program.wait_output("the tools process was stopped")  # a limit of the supervisor's
        end(program)


CHECKS = by_name(
    a_network_process_that_reads_nothing_blocks_nothing,
    functions_that_hold_the_interpreter_come_back,
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_process_in_the_way(held: Held, name: str) -> None:
    held.look(name)
