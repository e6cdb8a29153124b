"""The tools process: calls in, answers out, and its end in every case."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from pipeline.errors import PipelineError, ToolError
from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.events import Log, ToolPrinted
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report, ToolEnded, ToolReturned, ToolsLoaded

EXAMPLES = Path(__file__).parents[2] / "examples" / "tools.py"
HANG_S = 60.0
POLL_S = 0.25
T = TypeVar("T")

TOOLS = '''
from __future__ import annotations
import asyncio, ctypes, os, subprocess, sys, threading, time
from dataclasses import dataclass

print("imported")
count = 0
meeting = threading.Barrier(2)
gate = asyncio.Event()
released = threading.Event()

@dataclass
class Point:
    x: int
    y: int = 2

def move(point: Point, by: int = 1) -> Point:
    """Move a point."""
    return Point(point.x + by, point.y)

def counted() -> int:
    """Count the calls."""
    global count
    count += 1
    return count

def meet() -> str:
    """Return when two calls run at once."""
    meeting.wait(60)
    return "met"

async def wait_gate() -> str:
    """Wait for open_gate, on the same loop."""
    await gate.wait()
    return "opened"

async def open_gate() -> None:
    """Let wait_gate go on."""
    gate.set()

async def sleep_async() -> None:
    """Sleep, and say so when cancelled."""
    print("asleep")
    try:
        await asyncio.sleep(1_000)
    finally:
        print("cancelled")

def hold() -> str:
    """Wait for release."""
    print("holding")
    released.wait()
    return "late"

async def release() -> None:
    """Let hold go on."""
    released.set()

def sleep_sync() -> None:
    """Sleep for long."""
    print("asleep")
    time.sleep(1_000)

async def block_loop() -> None:
    """Sleep on the loop itself."""
    print("asleep")
    time.sleep(1_000)

def linger() -> None:
    """Leave a thread that would keep the interpreter, and wait for a program."""
    threading.Thread(target=time.sleep, args=(1_000,)).start()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    print("child", child.pid)
    child.wait()

def fail() -> None:
    """Raise."""
    raise ValueError("no such city")

async def leave() -> None:
    """Call sys.exit."""
    sys.exit(3)

def die() -> None:
    """End the whole process."""
    os._exit(7)

def unprintable() -> object:
    """Return what JSON cannot hold."""
    return object()

def speak() -> None:
    """Write to every stream there is."""
    print("one\\n  two")
    print("three", file=sys.stderr)
    os.write(1, b"four \\xff\\n")
    subprocess.run([sys.executable, "-c", "print('five')"], check=True)
    print("\\N{SNOWMAN}")

def write_natively(count: int) -> int:
    """Write, and let nothing else of the interpreter run meanwhile."""
    written = 0
    while written < count:
        written += ctypes.PyDLL(None).write(1, b"x" * (count - written), count - written)
    os.write(1, b"\\n")
    return written

def flood(done: str) -> str:
    """Print more than any queue holds, then leave a file."""
    for n in range(50_000):
        print(n)
    open(done, "x").close()
    return "done"
'''


class ToolsProcess:
    """A tools process as the supervisor has it."""

    def __init__(self, *files: Path, verbose: bool) -> None:
        self.children = ChildProcesses()
        self.reports: list[Report] = []
        self.errors: list[PipelineError] = []
        self._calls = 0
        self.child = self.children.spawn(
            "tools",
            "pipeline.tools.process",
            verbose,
            tuple(map(str, files)),
            on_error=self.errors.append,
            printed=ToolPrinted,
        )

    def wait_for(self, find: Callable[[Report], T | None]) -> T:
        """Read on until a report, old or new, is what `find` looks for."""
        for report in self.reports:
            if (found := find(report)) is not None:
                return found
        deadline_s = time.monotonic() + HANG_S
        while self.children.alive and time.monotonic() < deadline_s:
            for report in self.children.reports(POLL_S):
                self.reports.append(report)
                if (found := find(report)) is not None:
                    return found
        raise AssertionError(f"not reported; there was {self.reports}, {self.errors}")

    def wait_report(self, report: Report) -> None:
        self.wait_for(lambda other: other if other == report else None)

    def wait_loaded(self) -> ToolsLoaded:
        return self.wait_for(lambda report: report if isinstance(report, ToolsLoaded) else None)

    def wait_printed(self, text: str) -> str:
        """Wait for a line that starts so, and return it."""

        def line(report: Report) -> str | None:
            starts = isinstance(report, ToolPrinted) and report.line.startswith(text)
            return report.line if starts and isinstance(report, ToolPrinted) else None

        return self.wait_for(line)

    def call(self, name: str, **arguments: object) -> str:
        return self.call_raw(name, json.dumps(arguments))

    def call_raw(self, name: str, arguments: str) -> str:
        self._calls += 1
        call_id = f"call_{self._calls}"
        self.child.send(CallTool(call_id, name, arguments))
        return call_id

    def wait_output(self, call_id: str) -> str:
        def output(report: Report) -> str | None:
            ours = isinstance(report, ToolReturned) and report.call_id == call_id
            return report.output if ours and isinstance(report, ToolReturned) else None

        found = self.wait_for(output)
        self.wait_report(ToolEnded(call_id))
        return found

    def kinds(self, call_id: str) -> list[type[Report]]:
        return [type(r) for r in self.reports if getattr(r, "call_id", None) == call_id]

    def wait_ended(self) -> PipelineError:
        """Read until the process is gone, and return what became of it."""
        deadline_s = time.monotonic() + HANG_S
        while not self.errors:
            assert time.monotonic() < deadline_s
            self.reports += self.children.reports(POLL_S)
        (error,) = self.errors
        return error

    def hang_up(self) -> None:
        """Say stop, and wait until it has ended by itself."""
        self.child.hang_up()
        assert self.child.reap(HANG_S)
        assert self.child.process.exitcode != -signal.SIGKILL


@contextmanager
def tools_process(*files: Path, verbose: bool = False) -> Iterator[ToolsProcess]:
    tools = ToolsProcess(*files, verbose=verbose)
    with tools.children:
        yield tools


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(TOOLS, encoding="utf-8")
    return path


@pytest.fixture
def tools(file: Path) -> Iterator[ToolsProcess]:
    with tools_process(file) as process:
        process.wait_loaded()
        yield process


def test_calls_of_every_kind(tools: ToolsProcess) -> None:
    expected = {
        tools.call("move", point={"x": 1}): '{"x":2,"y":2}',
        tools.call("move", point={"x": 1, "y": 5}, by=-1): '{"x":0,"y":5}',
        tools.call("fail"): "error: ValueError: no such city",
        tools.call("leave"): "error: SystemExit: 3",
        tools.call("move", point=7): "error: wrong arguments for move: point: ",
        tools.call_raw("move", "{nonsense"): "error: wrong arguments for move: Invalid JSON",
        tools.call("absent"): "error: there is no function absent; there are: move, counted, ",
        tools.call("unprintable"): "error: the result of unprintable cannot be written as JSON",
    }
    for call_id, output in expected.items():
        assert tools.wait_output(call_id).startswith(output)
    for call_id in expected:
        assert tools.kinds(call_id) == [ToolReturned, ToolEnded]
    assert not [report for report in tools.reports if isinstance(report, Log)]


def test_state_survives_between_calls(tools: ToolsProcess) -> None:
    assert [tools.wait_output(tools.call("counted")) for _ in range(3)] == ["1", "2", "3"]


def test_calls_run_at_once(tools: ToolsProcess) -> None:
    calls = [tools.call(name) for name in ("wait_gate", "meet", "meet", "open_gate")]
    outputs = [tools.wait_output(call_id) for call_id in calls]
    assert outputs == ['"opened"', '"met"', '"met"', "null"]


def test_a_cancelled_coroutine_ends_unanswered(tools: ToolsProcess) -> None:
    call_id = tools.call("sleep_async")
    tools.wait_printed("asleep")
    tools.child.send(CancelTool(call_id))
    tools.wait_report(ToolEnded(call_id))
    tools.wait_printed("cancelled")
    assert tools.kinds(call_id) == [ToolEnded]


def test_a_cancelled_thread_goes_on_unheard(tools: ToolsProcess) -> None:
    call_id = tools.call("hold")
    tools.wait_printed("holding")
    tools.child.send(CancelTool(call_id))
    assert tools.wait_output(tools.call("counted")) == "1"
    assert tools.kinds(call_id) == []
    tools.wait_output(tools.call("release"))
    tools.wait_report(ToolEnded(call_id))
    assert tools.kinds(call_id) == [ToolEnded]


def test_a_coroutine_that_blocks_the_loop_does_not_hold_up_functions(tools: ToolsProcess) -> None:
    tools.call("block_loop")
    tools.wait_printed("asleep")
    assert tools.wait_output(tools.call("counted")) == "1"


def test_whatever_is_printed_comes_as_lines(tools: ToolsProcess) -> None:
    tools.wait_output(tools.call("speak"))
    tools.wait_report(ToolPrinted("\N{SNOWMAN}"))
    lines = [report.line for report in tools.reports if isinstance(report, ToolPrinted)]
    assert lines == ["imported", "one", "  two", "three", "four \ufffd", "five", "\N{SNOWMAN}"]


def test_a_megabyte_written_natively_by_a_function_that_holds_the_interpreter(
    tools: ToolsProcess,
) -> None:
    """A pipe takes 64 KB that have not been read; the rest waits for a reader elsewhere."""
    assert tools.wait_output(tools.call("write_natively", count=1 << 20)) == str(1 << 20)
    tools.wait_output(tools.call("speak"))
    tools.wait_report(ToolPrinted("\N{SNOWMAN}"))
    lines = [report.line for report in tools.reports if isinstance(report, ToolPrinted)]
    assert "".join(lines).count("x") == 1 << 20


def test_a_flood_of_lines_does_not_lose_an_answer(tools: ToolsProcess, tmp_path: Path) -> None:
    done = tmp_path / "done"
    call_id = tools.call("flood", done=str(done))
    while not done.exists():  # reading nothing meanwhile
        time.sleep(0.01)
    assert tools.wait_output(call_id) == '"done"'


@pytest.mark.parametrize("verbose", [False, True])
def test_tracebacks_are_for_the_verbose(file: Path, verbose: bool) -> None:
    with tools_process(file, verbose=verbose) as tools:
        tools.wait_output(tools.call("fail"))
        messages = [report.message for report in tools.reports if isinstance(report, Log)]
    if verbose:
        assert f'File "{file}"' in messages[0]
        assert "ValueError: no such city" in messages[0]
    else:
        assert messages == []


def test_a_tool_that_ends_the_process_is_seen_as_its_end(tools: ToolsProcess) -> None:
    call_id = tools.call("die")
    assert "(exit code 7)" in str(tools.wait_ended())
    assert tools.kinds(call_id) == []


@pytest.mark.parametrize("name", ["sleep_sync", "sleep_async", "block_loop"])
def test_the_closed_pipe_ends_it_in_the_midst_of_a_call(tools: ToolsProcess, name: str) -> None:
    tools.call(name)
    tools.wait_printed("asleep")
    tools.hang_up()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
def test_programs_that_tools_started_end_with_it(tools: ToolsProcess) -> None:
    tools.call("linger")
    pid = int(tools.wait_printed("child").split()[1])
    program = psutil.Process(pid)
    tools.hang_up()
    with suppress(psutil.NoSuchProcess):
        while program.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


def test_the_closed_pipe_ends_it_while_it_imports(tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text("import time\nprint('importing')\ntime.sleep(1000)\n")
    with tools_process(path) as tools:
        tools.wait_printed("importing")
        tools.hang_up()


def test_a_file_that_fails_is_told_with_the_users_traceback(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("print('on the way')\n1 / 0\n")
    with tools_process(path) as tools:
        error = tools.wait_ended()
    assert isinstance(error, ToolError)
    assert str(error).startswith(f"{path}, line 2: importing it raises ZeroDivisionError")
    assert f'File "{path}", line 2, in <module>' in error.__notes__[0]
    assert ToolPrinted("on the way") in tools.reports


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA", "PYTHONPYCACHEPREFIX"):
        monkeypatch.setenv(name, os.fspath(tmp_path))
    with tools_process(EXAMPLES) as tools:
        assert [tool.name for tool in tools.wait_loaded().tools] == [
            "current_time",
            "calculate",
            "note",
        ]
        for name, arguments, output in (
            ("current_time", {"city": "são paulo"}, '"In são paulo it is '),
            ("current_time", {"city": "Munich"}, '"In Munich it is '),
            ("current_time", {"city": "US/Pacific"}, '"In US/Pacific it is '),
            ("current_time", {"city": "Atlantis"}, '"The time zone of Atlantis is not known'),
            ("calculate", {"expression": "(3 + 4) * 2 ^ 5"}, "224"),
            ("calculate", {"expression": "0.1 + 0.2"}, "0.3"),
            ("calculate", {"expression": "sqrt(2) - -pi"}, "4.55580621596"),
            ("calculate", {"expression": "9**9**9"}, "error: ValueError: the numbers are too"),
            ("calculate", {"expression": "1/0"}, "error: ZeroDivisionError: "),
            ("calculate", {"expression": "(-8)**0.5"}, "error: ValueError: a root of"),
            ("calculate", {"expression": "().__class__"}, "error: ValueError: "),
            (
                "calculate",
                {"expression": "1+" * 100},
                "error: ValueError: this is not an arithmetic",
            ),
            ("calculate", {"expression": "1+" * 200}, "error: ValueError: the expression is long"),
            ("note", {}, '"There are no notes."'),
            ("note", {"text": "buy\nmilk"}, '"Noted: buy milk"'),
            ("note", {"text": "ring Ørsted"}, '"Noted: ring Ørsted"'),
        ):
            assert tools.wait_output(tools.call(name, **arguments)).startswith(output)
    with tools_process(EXAMPLES) as tools:
        assert tools.wait_output(tools.call("note")) == '"buy milk\\nring Ørsted"'
