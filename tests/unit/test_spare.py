"""The process in reserve: what it is given, when there is none, and when it is not used."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.ipc import spare
from pipeline.ipc.child_process import ChildFailedError, ChildProcess
from pipeline.ipc.events import Notice
from pipeline.ipc.processes import ChildProcesses, logged_line
from pipeline.ipc.reports import Prepared, Report
from pipeline.shm.wakeup import WakeSockets
from pipeline.supervisor.replacement import ReplacementLimit
from pipeline.supervisor.spare import FIRST_QUIET_S, Spare

POLL_S = 1.0
QUIET_S = 2.0
LITTLE = "tests.support.little_child"


@pytest.fixture
def children() -> Iterator[ChildProcesses]:
    with ChildProcesses() as children:
        yield children


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def next_report(children: ChildProcesses) -> Report:
    while True:
        for report in children.reports(POLL_S):
            return report


def prepared(children: ChildProcesses, *sockets: socket.socket) -> ChildProcess:
    child = children.spawn("spare", "pipeline.ipc.spare", "spare", (LITTLE,), sockets)
    assert next_report(children) == Prepared("spare")
    return child


def test_a_spare_does_what_it_is_given_with_the_sockets_that_it_has(
    children: ChildProcesses, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    child = prepared(children, ours, theirs)
    errors: list[PipelineError] = []
    work = spare.begin(LITTLE, ("wake", WakeSockets(theirs, ours)), (ours, theirs))
    children.give_work(child, "little", work, on_error=errors.append, printed=logged_line)
    assert next_report(children) == Notice("woken")
    assert ours.recv(10) == b"n", "the end that was named as the network's"
    while not errors:
        list(children.reports(POLL_S))
    assert str(errors[0]).startswith("The little process ended unexpectedly (exit code 0)")


def test_a_spare_ends_while_it_still_loads(children: ChildProcesses) -> None:
    child = children.spawn("spare", "pipeline.ipc.spare", "spare", (f"{LITTLE}_endless",), ())
    child.hang_up()
    assert child.reap(60)
    assert child.process.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="the system does not tell")
def test_a_stopped_child_is_seen(children: ChildProcesses) -> None:
    child = prepared(children)
    assert not child.standing
    assert child.process.pid
    os.kill(child.process.pid, signal.SIGSTOP)
    while not child.standing:
        pass
    os.kill(child.process.pid, signal.SIGCONT)
    while child.standing:
        pass


class World:
    """Children that only have a name, and a clock."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.refuses = False
        self.spawned: list[Any] = []
        self.killed: list[Any] = []
        self.working: list[tuple[Any, str]] = []
        children: Any = self
        self.spare = Spare(
            children, "spare", (LITTLE,), (), quiet_s=QUIET_S, now_s=lambda: self.now_s
        )

    def spawn(self, *_args: object, on_error: Callable[[PipelineError], None], **_: object) -> Any:
        if self.refuses:
            raise BlockingIOError
        self.on_error = on_error
        self.spawned.append(Child())
        return self.spawned[-1]

    def kill(self, child: object) -> None:
        self.killed.append(child)

    def give_work(self, child: object, name: str, _work: object, **_: object) -> None:
        self.working.append((child, name))

    def take(self) -> object:
        return self.spare.take("capture", LITTLE, on_error=lambda _: None, printed=logged_line)

    def pass_time(self, seconds: float = QUIET_S) -> None:
        self.now_s += seconds
        self.spare.check()


class Child:
    standing = False


@pytest.fixture
def world() -> World:
    """Give one in which the next `pass_time` starts the first spare."""
    world = World()
    world.pass_time(FIRST_QUIET_S)
    return world


def test_a_spare_is_started_after_a_quiet_moment_and_once_taken_another(world: World) -> None:
    assert not world.spawned
    assert world.take() is None
    world.pass_time()
    world.spare.note_prepared("spare")
    assert world.take() is world.spawned[0]
    assert world.working == [(world.spawned[0], "capture")]
    world.spare.check()
    assert len(world.spawned) == 1
    world.pass_time()
    assert len(world.spawned) == 2
    assert not world.killed


def test_one_that_still_loads_or_stands_is_not_used(world: World) -> None:
    world.pass_time()
    world.spare.note_prepared("another spare")
    assert world.take() is None
    world.pass_time()
    world.spare.note_prepared("spare")
    world.spawned[1].standing = True
    assert world.take() is None
    assert world.killed == world.spawned
    assert not world.working


def test_spares_that_die_are_given_up(world: World) -> None:
    for _ in range(10):
        world.pass_time()
        if world.spawned:
            world.on_error(ChildFailedError("The spare process ended"))
    assert len(world.spawned) == ReplacementLimit.MOST + 1
    assert world.take() is None


def test_a_system_that_refuses_a_process_is_not_asked_again(world: World) -> None:
    world.refuses = True
    world.pass_time()
    world.refuses = False
    world.pass_time()
    assert not world.spawned
    assert world.take() is None


def test_a_machine_with_little_memory_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.supervisor.spare._memory_bytes", lambda: 1 << 29)
    world = World()
    world.pass_time(FIRST_QUIET_S + QUIET_S)
    assert not world.spawned


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="no priorities")
def test_the_main_thread_of_a_spare_keeps_its_priority(children: ChildProcesses) -> None:
    child = prepared(children)
    assert child.process.pid
    assert os.getpriority(os.PRIO_PROCESS, child.process.pid) == os.getpriority(os.PRIO_PROCESS, 0)
