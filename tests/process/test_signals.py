"""Signals over real processes: each reaches what it should end, and only that."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from pipeline.ipc.child_process import ChildProcess
from pipeline.ipc.commands import CallTool
from pipeline.ipc.events import ToolPrinted
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report, ToolReturned, ToolsLoaded
from pipeline.system.signals import ENDING_SIGNALS
from tests.support.program import GENEROUS_S, REPOSITORY, Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import noise, write_wav

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

AWAIT = "echo $! >pid; wait $!"
T = TypeVar("T")

TOOLS = '''
import os, select, subprocess, threading, time

reading, writing = os.pipe()
lock = threading.Lock()
lock.acquire()

def sleep() -> int:
    """Run a program, and return how it ended."""
    program = subprocess.Popen(["sleep", "1000"])
    print("pid", program.pid, flush=True)
    return program.wait()

def strike_shell(script: str) -> int:
    """Run a shell script, and return its exit code."""
    return subprocess.run(["sh", "-c", script]).returncode

async def block(way: str) -> str:
    """Block the main thread until release is called."""
    print("pid", os.getpid(), flush=True)
    match way:
        case "read":
            return os.read(reading, 1).decode()
        case "select":
            return "r" if select.select([reading], [], []) else ""
        case "lock":
            return "r" if lock.acquire() else ""
        case "program":
            head = subprocess.run(["head", "-c1"], stdin=reading, capture_output=True)
            return head.stdout.decode()

def release() -> None:
    """Let block go on."""
    os.write(writing, b"r")
    lock.release()
'''


class Tools:
    """A supervised tools process."""

    def __init__(self, children: ChildProcesses, child: ChildProcess) -> None:
        self._children = children
        self._child = child
        self._reports: list[Report] = []

    def call(self, name: str, **arguments: str) -> None:
        self._child.send(CallTool(name, name, json.dumps(arguments)))

    def wait_output(self, name: str) -> str:
        def output(report: Report) -> str | None:
            returned = isinstance(report, ToolReturned) and report.call_id == name
            return report.output if returned and isinstance(report, ToolReturned) else None

        return self.wait_for(output)

    def wait_pid(self) -> int:
        def pid(report: Report) -> int | None:
            printed = re.fullmatch(r"pid (\d+)", getattr(report, "line", ""))
            return int(printed[1]) if printed and isinstance(report, ToolPrinted) else None

        return self.wait_for(pid)

    def wait_for(self, find: Callable[[Report], T | None]) -> T:
        deadline_s = time.monotonic() + GENEROUS_S
        while time.monotonic() < deadline_s:
            for report in self._reports:
                if (found := find(report)) is not None:
                    return found
            self._reports += self._children.reports(1.0)
        raise AssertionError(f"not reported; there was {self._reports}")


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    file = tmp_path / "mine.py"
    file.write_text(TOOLS)
    with ChildProcesses() as children:
        tools = Tools(
            children,
            children.spawn(
                "tools", "pipeline.tools.process", False, (str(file),), printed=ToolPrinted
            ),
        )
        tools.wait_for(lambda report: True if isinstance(report, ToolsLoaded) else None)
        yield tools


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_ending_signal_ends_a_program_that_a_tool_started(
    tools: Tools, number: signal.Signals
) -> None:
    tools.call("sleep")
    os.kill(tools.wait_pid(), number)
    assert tools.wait_output("sleep") == str(-number)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("trap 'exit 7' INT; kill -INT $$; exit 0", 7),
        ("kill -INT $$; exit 0", -signal.SIGINT),
        ("trap '' INT; kill -INT $$; exit 3", 3),
    ],
)
def test_sigint_does_in_a_shell_script_what_the_script_says(
    tools: Tools, script: str, code: int
) -> None:
    tools.call("strike_shell", script=script)
    assert tools.wait_output("strike_shell") == str(code)


@pytest.mark.parametrize("way", ["read", "select", "lock", "program"])
def test_sigint_does_not_break_what_blocks_the_tools_main_thread(tools: Tools, way: str) -> None:
    tools.call("block", way=way)
    main_thread = psutil.Process(tools.wait_pid())
    for _ in range(20):
        main_thread.send_signal(signal.SIGINT)
    wait_delivered(main_thread.pid, signal.SIGINT)
    tools.call("release")
    assert tools.wait_output("block") == '"r"'


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the masks of a process")
def test_the_first_child_is_protected_like_the_second() -> None:
    """In a fresh interpreter: the first child starts multiprocessing's helper process as well."""
    script = f"""
import sys; sys.path.insert(0, {str(REPOSITORY)!r})
from pipeline.ipc.processes import ChildProcesses
from pipeline.system.signals import ENDING_SIGNALS
from tests.support.little_child import mask_names
print(mask_names(ENDING_SIGNALS))
with ChildProcesses() as children:
    for _ in range(2):
        children.spawn("little", "tests.support.little_child", "mask", may_end=True)
    while children.alive:
        for report in children.reports(1.0):
            print(report.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    expected, *masks = done.stdout.splitlines()
    assert masks == [expected] * 2
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the masks of a process")
@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_no_ending_signal_ends_the_resource_tracker(tmp_path: Path, number: signal.Signals) -> None:
    with conversation(tmp_path) as program:
        program.wait_output("Ready: speak")
        (tracker,) = [p for p in program.members() if "resource_tracker" in " ".join(p.cmdline())]
        assert survives(tracker.pid, number)
        os.killpg(program.pid, number)
        assert program.wait_exit() == (0 if number == signal.SIGINT else 128 + number)
        program.wait_gone()
        assert program.err == ""


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_an_ending_signal_to_the_children_alone_does_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    with conversation(tmp_path) as program:
        program.wait_output("Ready: speak")
        children = program.children()[:3]  # later there is a spare
        assert len(children) == 3
        for child in children * 3:
            child.send_signal(number)
            wait_delivered(child.pid, number)
        assert set(children) <= set(program.children())
        program.signal(signal.SIGINT)
        assert program.wait_exit() == 0
        assert program.err == ""


def test_a_conversation_in_the_background_of_a_script_ends_on_sigint(tmp_path: Path) -> None:
    with silent_service() as service:
        arguments = conversation_arguments(service.endpoint, tmp_path)
        with background(arguments, tmp_path) as program:
            program.wait_output("Ready: speak")
            program.strike(signal.SIGINT)
            assert program.wait_exit() == 0
            assert program.out.endswith("Goodbye.\n")
            assert program.err == ""


def test_serve_in_the_background_of_a_script_ends_on_sigint(tmp_path: Path) -> None:
    with background(["serve"], tmp_path) as program:
        program.wait_output("Ctrl-C ends the service.")
        program.strike(signal.SIGINT)
        assert program.wait_exit() == 130
        assert program.err == ""


def test_bench_in_the_background_of_a_script_ends_on_sigint(tmp_path: Path) -> None:
    with background(["bench", "--quick", "--scenario", "quiet"], tmp_path) as program:
        wait_until(lambda: len(program.children()) > 3)  # with the program itself
        program.strike(signal.SIGINT)
        assert program.wait_exit() == 130
        assert program.err.strip() == ""


def test_a_conversation_under_nohup_survives_its_terminal(tmp_path: Path) -> None:
    with silent_service() as service:
        arguments = conversation_arguments(service.endpoint, tmp_path)
        with background(arguments, tmp_path, prefix="nohup") as program:
            program.wait_output("Ready: speak")
            program.strike(signal.SIGHUP)  # would end it with 129
            program.strike(signal.SIGINT)
            assert program.wait_exit() == 0


class Background(Program):
    """The program as `… &` in a script that waits for it: the shell has it ignore SIGINT."""

    def __init__(self, arguments: list[object], folder: Path, prefix: str) -> None:
        self._pid_file = folder / "pid"
        super().__init__(
            *arguments,
            cwd=folder,
            environment={"AZURE_VOICELIVE_API_KEY": ScriptedService.KEY, "PREFIX": prefix},
        )
        self.wait_until(lambda: self._pid_file.exists() and self._pid_file.read_text().strip())

    @staticmethod
    def command(*arguments: object) -> list[str]:
        return ["sh", "-c", f"$PREFIX {shlex.join(Program.command(*arguments))} & {AWAIT}"]

    def strike(self, number: int) -> None:
        """To the program itself, not to the shell."""
        os.kill(int(self._pid_file.read_text()), number)


def background(arguments: list[object], folder: Path, prefix: str = "") -> Background:
    return Background(arguments, folder, prefix)


def silent_service() -> ScriptedService:
    async def script(_session: ScriptedSession) -> None:
        return

    return ScriptedService(script)


def conversation_arguments(endpoint: str, folder: Path) -> list[object]:
    spoken = write_wav(folder / "spoken.wav", noise(600, -9, 9, seed=1))
    return ["run", "--endpoint", endpoint, "--input", spoken, "--output", folder / "heard.wav"]


@contextmanager
def conversation(folder: Path) -> Iterator[Program]:
    with (
        silent_service() as service,
        Program(
            *conversation_arguments(service.endpoint, folder),
            cwd=folder,
            environment={"AZURE_VOICELIVE_API_KEY": service.KEY},
        ) as program,
    ):
        yield program


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {GENEROUS_S} s in vain"
        time.sleep(0.005)


def wait_delivered(pid: int, number: int) -> None:
    """Wait until a signal is not pending; at once where the system does not show that."""
    wait_until(lambda: not pending(pid, number))


def pending(pid: int, number: int) -> bool:
    return in_status(pid, "SigPnd", number) or in_status(pid, "ShdPnd", number)


def survives(pid: int, number: int) -> bool:
    """Whether a process ignores or blocks a signal."""
    return in_status(pid, "SigIgn", number) or in_status(pid, "SigBlk", number)


def in_status(pid: int, name: str, number: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # not Linux
        return False
    found = re.search(rf"^{name}:\s+([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> (number - 1) & 1)


LEAKS = """
import os
from multiprocessing.shared_memory import SharedMemory
from pipeline.system.signals import start_resource_tracker
start_resource_tracker()
memory = SharedMemory(create=True, size=8)
os._exit(0)
"""


def test_the_resource_tracker_warns_of_leaks_where_no_terminal_can_keep_it_from_its_work() -> None:
    def start(stderr: int) -> None:
        subprocess.run([sys.executable, "-c", LEAKS], stderr=stderr, check=True)
        os.close(stderr)

    import pty

    reader, writer = os.pipe()
    start(writer)
    with os.fdopen(reader) as warned:
        assert "leaked shared_memory" in warned.read()
    controller, terminal = pty.openpty()
    start(terminal)
    shown = b""
    with suppress(OSError):  # the other end is closed
        shown = os.read(controller, 1_000)
    os.close(controller)
    assert shown == b""
