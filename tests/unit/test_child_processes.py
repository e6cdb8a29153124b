"""Real spawned children: heard, ended, and never left behind."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from pipeline.errors import DeviceError, PipelineError, ProcessDiedError
from pipeline.ipc.commands import CallTool
from pipeline.ipc.processes import ChildFailedError, ChildProcess, ChildProcesses
from pipeline.ipc.reports import Notice, Report, ToolReturned
from pipeline.system.signals import ENDING_SIGNALS

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


def test_several_children_are_heard_at_once(children: ChildProcesses) -> None:
    for sentence in ("one", "two"):
        spawn(children, "say", sentence, may_end=True)
    reports = all_reports(children)
    assert sorted(str(report) for report in reports) == sorted(
        str(Notice(sentence)) for sentence in ("one", "two")
    )


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
def test_any_other_error_is_told_with_its_traceback(
    children: ChildProcesses, kind: str, words: str
) -> None:
    spawn(children, kind)
    with pytest.raises(ChildFailedError, match=words) as caught:
        all_reports(children)
    assert "Traceback" in caught.value.traceback
    assert caught.value.exit_code == 1


def test_an_error_can_be_taken_by_somebody_else(children: ChildProcesses) -> None:
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


def test_a_child_whose_reports_nobody_reads_ends_nevertheless() -> None:
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
