"""Which ends of a process are survived, and how often."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.errors import CardLostError, DeviceError, PipelineError
from pipeline.ipc.child_process import ChildFailedError
from pipeline.ipc.commands import CancelTool, Command
from pipeline.ipc.events import Notice, Trace
from pipeline.ipc.reports import Report
from pipeline.supervisor.replacement import (
    PATIENCE_S,
    START_PATIENCE_S,
    ReplaceableProcess,
    ReplacementLimit,
)

LOOK_S = 0.25


class Child:
    name = "little"

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def send(self, command: Command) -> None:
        self.commands.append(command)


class World:
    """Processes that a test lets end, beat or stand still."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.beats = 0
        self.spawned: list[Child] = []
        self.killed: list[Child] = []
        self.reports: list[Report] = []
        children: Any = self
        self.process = ReplaceableProcess(
            children,
            self._spawn,  # type: ignore[arg-type]
            lambda: self.beats,
            goes_on="goes on",
            report=self.reports.append,
            now_s=lambda: self.now_s,
        )

    def kill(self, child: Child) -> None:
        self.killed.append(child)

    def end(self, error: PipelineError | None = None) -> None:
        self.on_error(error or ChildFailedError("The little process ended (signal SIGKILL)"))

    def pass_time(self, seconds: float, *, beating: bool = False) -> None:
        for _ in range(round(seconds / LOOK_S)):
            self.now_s += LOOK_S
            self.beats += beating
            self.process.check()

    def _spawn(self, *, on_error: Callable[[PipelineError], None]) -> Child:
        self.on_error = on_error
        self.spawned.append(Child())
        return self.spawned[-1]


@pytest.fixture
def world() -> World:
    return World()


def test_a_process_that_ended_is_replaced_and_that_is_told(world: World) -> None:
    error = ChildFailedError("The little process failed (KeyError: 1)")
    error.add_note("its traceback")
    world.end(error)
    assert world.reports == [
        Notice("The little process failed (KeyError: 1): a new one goes on."),
        Trace("its traceback"),
    ]
    world.process.send(CancelTool("c1"))
    assert [child.commands for child in world.spawned] == [[], [CancelTool("c1")]]


def test_an_error_for_a_person_ends_the_run(world: World) -> None:
    with pytest.raises(DeviceError, match="No such card"):
        world.end(DeviceError("No such card."))
    assert len(world.spawned) == 1


def test_a_card_that_has_gone_is_no_fault_of_the_process(world: World) -> None:
    for _ in range(10):
        world.end(CardLostError("Stopped."))
    assert len(world.spawned) == 11
    assert not [report for report in world.reports if isinstance(report, Notice)]


def test_the_fourth_end_within_a_minute_ends_the_run(world: World) -> None:
    for _ in range(ReplacementLimit.MOST):
        world.now_s += 19
        world.end()
    with pytest.raises(ChildFailedError, match=r"\(signal SIGKILL\)\. Start again"):
        world.end()


def test_replacements_that_are_far_apart_have_no_limit(world: World) -> None:
    for _ in range(10):
        world.now_s += 21
        world.end()
    assert len(world.spawned) == 11


def test_a_process_that_hangs_is_killed_and_replaced(world: World) -> None:
    world.pass_time(10, beating=True)
    world.pass_time(PATIENCE_S)
    assert not world.killed
    world.pass_time(1)
    assert world.killed == world.spawned[:1]
    assert world.reports == [Notice("The little process did not work for 3 s: a new one goes on.")]


def test_a_process_that_starts_has_more_time(world: World) -> None:
    world.pass_time(10, beating=True)
    world.end()
    world.pass_time(START_PATIENCE_S)
    assert not world.killed
    world.pass_time(1)
    assert world.killed == world.spawned[1:2]


def test_a_supervisor_that_stood_still_judges_nobody(world: World) -> None:
    world.pass_time(10, beating=True)
    for _ in range(20):
        world.now_s += 60
        world.process.check()
        world.pass_time(LOOK_S, beating=True)
    assert not world.killed
