"""Real child processes: their reports arrive, they end, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from pipeline.errors import DeviceError, PipelineError, ProcessDiedError
from pipeline.ipc.child_process import ChildFailedError, ChildProcess
from pipeline.ipc.commands import CallTool
from pipeline.ipc.dropping_queue import DroppingQueue
from pipeline.ipc.events import Log, Notice, ToolPrinted
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report, ToolReturned
from pipeline.ipc.sender import CommandSender
from pipeline.system.signals import ENDING_SIGNALS
from tests.support.program import GENEROUS_S, REPOSITORY

POLL_S = 1.0


@pytest.fixture
def children() -> Iterator[ChildProcesses]:
    with ChildProcesses() as children:
        yield children


def spawn(children: ChildProcesses, kind: str, *args: object, **options: Any) -> ChildProcess:
    return children.spawn("little", "tests.support.little_child", kind, *args, **options)


def next_report(children: ChildProcesses) -> Report:
    while True:
        for report in children.reports(POLL_S):
            return report


def all_reports(children: ChildProcesses) -> list[Report]:
    found: list[Report] = []
    while children.alive:
        found += children.reports(POLL_S)
    return found


def pid_told(children: ChildProcesses) -> int:
    report = next_report(children)
    assert isinstance(report, Notice)
    return int(report.message)


def test_a_child_reports_in_order_and_may_end(children: ChildProcesses) -> None:
    spawn(children, "say", "one", "two", "three", may_end=True)
    assert all_reports(children) == [Notice("one"), Notice("two"), Notice("three")]
    assert not children.alive


@pytest.mark.skipif(sys.platform == "win32", reason="there a pipe has no half to close")
def test_what_a_child_reports_while_it_ends_arrives() -> None:
    late: list[Report] = []
    with ChildProcesses(late=late.append) as children:
        spawn(children, "say at the end")
        assert pid_told(children) > 0  # it runs
    assert late == [Notice(str(n)) for n in range(1_000)]


def interpreted(script: str) -> "subprocess.CompletedProcess[str]":
    """Run `script` in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
        timeout=GENEROUS_S,
    )


LEFT_TO_THE_EXIT = """
from pipeline.ipc.processes import ChildProcesses
children = ChildProcesses()
children.spawn("little", "tests.support.little_child", "stay")
for report in children.reports(60.0):
    print(report.message)
"""


def test_the_interpreter_s_exit_does_not_wait_for_a_child_that_was_not_stopped() -> None:
    done = interpreted(LEFT_TO_THE_EXIT)
    assert done.stderr == ""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(GENEROUS_S)


def test_reports_of_several_children_arrive(children: ChildProcesses) -> None:
    for sentence in ("one", "two"):
        spawn(children, "say", sentence, may_end=True)
    reports = all_reports(children)
    assert len(reports) == 2
    assert set(reports) == {Notice("one"), Notice("two")}


def test_a_child_obeys(children: ChildProcesses) -> None:
    child = spawn(children, "echo")
    child.send(CallTool("c1", "f", "(1)"))
    child.send(CallTool("c2", "f", "(2)"))
    assert next_report(children) == ToolReturned("c1", "f(1)")
    assert next_report(children) == ToolReturned("c2", "f(2)")


def test_the_end_of_the_pipe_ends_a_child() -> None:
    with ChildProcesses() as children:
        spawn(children, "stay")
        process = psutil.Process(pid_told(children))
        assert process.is_running()
    assert not process.is_running()
    assert not children.alive


def test_a_child_that_should_stay_must_not_end(children: ChildProcesses) -> None:
    spawn(children, "say")
    with pytest.raises(ProcessDiedError, match=r"little process ended .* \(exit code 0\)"):
        all_reports(children)


@pytest.mark.parametrize("may_end", [False, True])
def test_a_child_that_dies_is_an_error(children: ChildProcesses, may_end: bool) -> None:
    spawn(children, "die", may_end=may_end)
    with pytest.raises(ProcessDiedError, match="exit code 3"):
        all_reports(children)


def test_a_killed_child_is_an_error(children: ChildProcesses) -> None:
    spawn(children, "stay")
    os.kill(pid_told(children), signal.SIGKILL)
    with pytest.raises(ProcessDiedError, match="little"):
        all_reports(children)
    assert not children.alive


def test_orders_to_a_child_that_has_ended_are_no_error(children: ChildProcesses) -> None:
    child = spawn(children, "stay")
    os.kill(pid_told(children), signal.SIGKILL)
    child.process.join()
    child.send(CallTool("c1", "f", ""))
    with pytest.raises(ProcessDiedError, match="little"):
        all_reports(children)


def test_a_child_that_ignores_stop_is_killed() -> None:
    with ChildProcesses() as children:
        spawn(children, "ignore stop")
        spawn(children, "ignore stop")
        processes = [psutil.Process(pid_told(children)) for _ in range(2)]
    assert not any(process.is_running() for process in processes)


def test_a_child_that_hangs_up_without_ending_is_killed(children: ChildProcesses) -> None:
    spawn(children, "hang up and stay")
    process = psutil.Process(pid_told(children))
    with pytest.raises(ProcessDiedError, match="little"):
        all_reports(children)
    assert not process.is_running()


def test_a_child_that_may_end_may_take_its_time_but_not_for_ever(children: ChildProcesses) -> None:
    spawn(children, "hang up and stay", may_end=True)
    process = psutil.Process(pid_told(children))
    assert all_reports(children) == []
    assert not process.is_running()


def test_an_error_of_the_tree_arrives_as_it_was_raised(children: ChildProcesses) -> None:
    spawn(children, "expected failure")
    with pytest.raises(DeviceError, match="No such card: plug one in") as caught:
        all_reports(children)
    assert caught.value.exit_code == 2
    assert "expected_failure" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("unexpected failure", "ZeroDivisionError: by nought"),
        ("unpicklable failure", "UnpicklableError: 1 and 2"),
    ],
)
def test_any_other_error_arrives_with_its_traceback(
    children: ChildProcesses, kind: str, words: str
) -> None:
    spawn(children, kind)
    with pytest.raises(ChildFailedError, match=words) as caught:
        all_reports(children)
    assert "Traceback" in caught.value.__notes__[0]
    assert caught.value.exit_code == 1


def test_on_error_takes_the_error(children: ChildProcesses) -> None:
    errors: list[PipelineError] = []
    spawn(children, "unexpected failure", on_error=errors.append)
    assert all_reports(children) == []
    assert [type(error) for error in errors] == [ChildFailedError]
    assert not children.alive


def test_a_child_can_be_killed_alone(children: ChildProcesses) -> None:
    first = spawn(children, "stay")
    process = psutil.Process(pid_told(children))
    spawn(children, "stay")
    pid_told(children)
    children.kill(first)
    assert not process.is_running()
    assert children.alive
    assert list(children.reports(0)) == []


def test_ctrl_c_does_not_reach_a_child(children: ChildProcesses) -> None:
    spawn(children, "ctrl-c")
    assert next_report(children) == Notice("still here")


def test_a_child_with_unread_reports_ends() -> None:
    with ChildProcesses() as children:
        spawn(children, "say a lot")
        assert next_report(children) == Notice("0 " + 100 * "x")


def test_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in ENDING_SIGNALS]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with ChildProcesses() as children:
        spawn(children, "stay")
    assert [signal.getsignal(number) for number in ENDING_SIGNALS] == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


# What a child prints


def test_what_a_child_prints_is_not_shown_as_it_comes(
    children: ChildProcesses, capfd: pytest.CaptureFixture[str]
) -> None:
    spawn(children, "print and end")
    with pytest.raises(DeviceError):
        all_reports(children)
    assert capfd.readouterr() == ("", "")


def test_what_a_child_prints_comes_before_its_error(children: ChildProcesses) -> None:
    errors: list[PipelineError] = []
    spawn(children, "print and end", on_error=errors.append)
    reports = all_reports(children)
    lines = [report.message for report in reports if isinstance(report, Log)]
    assert lines == ["to standard output", "to standard error", "past Python", "a program"]
    assert Notice("printed") in reports
    assert [str(error) for error in errors] == ["No such card."]


def test_printed_lines_become_the_chosen_report(children: ChildProcesses) -> None:
    spawn(children, "print and end", on_error=lambda _: None, printed=ToolPrinted)
    assert ToolPrinted("past Python") in all_reports(children)


def test_a_megabyte_printed_natively_while_the_interpreter_is_held(
    children: ChildProcesses,
) -> None:
    """A pipe takes 64 KB that have not been read; the rest waits for a reader elsewhere."""
    spawn(children, "print natively", 1 << 20)
    while not isinstance(report := next_report(children), Notice):
        assert isinstance(report, Log)
    assert report.message == str(1 << 20)


def test_a_program_that_keeps_the_streams_does_not_keep_its_child(
    children: ChildProcesses,
) -> None:
    errors: list[PipelineError] = []
    spawn(children, "leave a program", on_error=errors.append)
    program = psutil.Process(pid_told(children))
    try:
        assert all_reports(children) == []
        assert ["(exit code 4)" in str(error) for error in errors] == [True]
        assert program.is_running()
    finally:
        program.kill()


def test_a_crash_tells_where(children: ChildProcesses) -> None:
    errors: list[PipelineError] = []
    spawn(children, "crash", on_error=errors.append)
    lines = [report.message for report in all_reports(children) if isinstance(report, Log)]
    assert lines[0] == "Fatal Python error: Segmentation fault"
    assert any("in _crash" in line for line in lines)
    assert ["(signal SIGSEGV)" in str(error) for error in errors] == [True]


# A child that reads nothing, or says half of something


BIG = CallTool("c1", "f", "x" * 1_000_000)


def test_a_child_that_reads_nothing_keeps_neither_commands_nor_the_end_waiting() -> None:
    with ChildProcesses() as children:
        stopped = spawn(children, "echo")
        spawn(children, "stay")
        pid_told(children)
        stopped.send(CallTool("c0", "f", ""))
        assert next_report(children) == ToolReturned("c0", "f")
        process = psutil.Process(stopped.process.pid)
        process.suspend()
        for _ in range(10):
            stopped.send(BIG)
        spawn(children, "say", "meanwhile", may_end=True)
        assert next_report(children) == Notice("meanwhile")
    assert not process.is_running()


def test_a_child_that_reads_again_gets_every_command(children: ChildProcesses) -> None:
    child = spawn(children, "echo")
    child.send(CallTool("c0", "f", ""))
    assert next_report(children) == ToolReturned("c0", "f")
    process = psutil.Process(child.process.pid)
    process.suspend()
    for n in range(10):
        child.send(CallTool(f"c{n}", "f", "x" * 1_000_000))
    process.resume()
    for n in range(10):
        assert next_report(children) == ToolReturned(f"c{n}", "f" + "x" * 1_000_000)


def test_a_child_that_never_reads_is_given_up(
    children: ChildProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CommandSender, "UNREAD_BYTES", 3_000_000)
    child = spawn(children, "stay")
    process = psutil.Process(pid_told(children))
    process.suspend()
    for _ in range(4):
        child.send(BIG)
    with pytest.raises(ProcessDiedError, match="little process does not read"):
        all_reports(children)
    assert not process.is_running()


def test_half_a_report_keeps_nothing_waiting() -> None:
    with ChildProcesses() as children:
        spawn(children, "stop in the middle of a report")
        process = psutil.Process(pid_told(children))
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        spawn(children, "say", "meanwhile", may_end=True)
        assert next_report(children) == Notice("meanwhile")
    assert not process.is_running()


def test_an_unreadable_report_is_an_error(children: ChildProcesses) -> None:
    spawn(children, "send nonsense")
    with pytest.raises(ChildFailedError, match="little process sent something unreadable"):
        all_reports(children)


def test_a_flood_of_reports_loses_no_answer(children: ChildProcesses) -> None:
    spawn(children, "flood", 10 * DroppingQueue.DROPPABLE_ITEMS)
    while isinstance(report := next_report(children), Log):
        pass
    assert report == ToolReturned("c1", "not lost")


# A child that cannot be ended


def test_a_child_that_the_system_holds_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that holds a process makes it deaf to SIGKILL, as this one seems to be."""
    notices: list[str] = []
    with monkeypatch.context() as patch, ChildProcesses(notices.append) as children:
        child = spawn(children, "ignore stop")
        process = psutil.Process(pid_told(children))
        patch.setattr(child.process, "kill", lambda: None)
        patch.setattr(os, "killpg", lambda *_: None)
    try:
        assert process.is_running()
        (notice,) = notices
        assert f"The little process (id {process.pid}) cannot be ended" in notice
    finally:
        process.kill()
        child.process.join()


def test_a_group_is_killed_only_as_long_as_its_id_is_its_own(
    children: ChildProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda pid, _number: killed.append(pid))
    first, second = spawn(children, "stay"), spawn(children, "stay")
    for _ in range(2):
        pid_told(children)
    children.kill(first)
    second.process.kill()
    second.process.join()  # reaped: another process may have this id now
    children.kill(second)
    assert killed == [first.process.pid]


TAKEN_BY_ANOTHER_THREAD = """
import os, signal, socket, threading
from pipeline.system.signals import ending_signals_blocked

released = threading.Event()
other = threading.Thread(target=released.wait)
other.start()
taken, tells = socket.socketpair()
tells.setblocking(False)
signal.set_wakeup_fd(tells.fileno())  # written to by the thread that takes the signal
try:
    with ending_signals_blocked():
        signal.pthread_kill(other.ident, signal.SIGINT)
        taken.recv(1)
        os.getpid()  # the main thread has run what the signal has left for it to do
        print("to the end")
except KeyboardInterrupt:
    print("interrupted")
finally:
    released.set()
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of threads are POSIX")
def test_sigint_that_another_thread_takes_waits_for_the_end_of_a_spawn() -> None:
    done = interpreted(TAKEN_BY_ANOTHER_THREAD)
    assert done.stdout.splitlines() == ["to the end", "interrupted"]
