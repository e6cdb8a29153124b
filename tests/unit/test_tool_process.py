"""The supervisor's limits on tools and its one answer for each call, over fake processes."""

from typing import Any

import pytest

from pipeline.errors import ToolError
from pipeline.ipc.child_process import ChildFailedError
from pipeline.ipc.commands import CallTool, CancelTool, ToolOutput
from pipeline.ipc.events import ToolPrinted
from pipeline.ipc.reports import ToolEnded, ToolReturned, ToolsLoaded
from pipeline.supervisor.replacement import ReplacementLimit
from pipeline.supervisor.tool_process import ToolProcess

TIMEOUT_S = 30.0


class FakeChild:
    def __init__(self, on_error: Any) -> None:
        self.on_error = on_error
        self.sent: list[Any] = []
        self.killed = False

    def send(self, command: Any) -> None:
        self.sent.append(command)


class FakeChildren:
    def __init__(self) -> None:
        self.spawned: list[FakeChild] = []

    def spawn(self, *_: Any, on_error: Any, printed: Any) -> FakeChild:
        assert printed("a line") == ToolPrinted("a line")
        self.spawned.append(FakeChild(on_error))
        return self.spawned[-1]

    def kill(self, child: FakeChild) -> None:
        child.killed = True


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_000.0
        monkeypatch.setattr("pipeline.supervisor.tool_process.time.monotonic", lambda: self.now_s)
        self.children = FakeChildren()
        self.answers: list[ToolOutput] = []
        self.notices: list[str] = []
        self.tool_process = ToolProcess(
            self.children,  # type: ignore[arg-type]
            ("tools.py",),
            TIMEOUT_S,
            verbose=False,
            answer=self.answers.append,
            notice=self.notices.append,
        )
        self.tool_process.start()

    @property
    def child(self) -> FakeChild:
        return self.children.spawned[-1]

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.tool_process.enforce_limits()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(monkeypatch)
    world.tool_process.handle(ToolsLoaded(()))
    return world


CALL = CallTool("c1", "f", "{}")


def test_a_result_is_passed_on_once(world: World) -> None:
    world.tool_process.handle(CALL)
    world.tool_process.handle(ToolReturned("c1", "42"))
    world.tool_process.handle(ToolReturned("c1", "43"))
    world.tool_process.handle(ToolEnded("c1"))
    world.wait(2 * TIMEOUT_S)
    assert world.answers == [ToolOutput("c1", "42")]
    assert world.child.sent == [CALL]
    assert not world.child.killed


def test_a_call_that_takes_too_long_is_answered_and_its_process_replaced(world: World) -> None:
    world.tool_process.handle(CALL)
    world.wait(TIMEOUT_S + 0.1)
    (answer,) = world.answers
    assert "took longer than 30 s" in answer.output
    assert world.child.sent == [CALL, CancelTool("c1")]
    world.wait(ToolProcess.GRACE_S)
    stuck, successor = world.children.spawned
    assert stuck.killed
    world.tool_process.handle(ToolReturned("c1", "late"))
    assert world.answers == [answer]
    world.tool_process.handle(CallTool("c2", "f", "{}"))
    assert successor.sent == [CallTool("c2", "f", "{}")]


def test_a_process_whose_function_ends_in_time_is_not_replaced(world: World) -> None:
    world.tool_process.handle(CALL)
    world.wait(TIMEOUT_S + 0.1)
    world.tool_process.handle(ToolEnded("c1"))
    world.wait(10)
    assert not world.child.killed


def test_an_abandoned_call_is_not_answered_but_still_limited(world: World) -> None:
    world.tool_process.handle(CALL)
    world.tool_process.handle(CancelTool("c1"))
    world.tool_process.handle(ToolReturned("c1", "late"))
    world.wait(TIMEOUT_S + ToolProcess.GRACE_S + 0.1)
    assert world.answers == []
    assert world.children.spawned[0].killed


def test_all_calls_of_a_process_that_ends_are_answered(world: World) -> None:
    world.tool_process.handle(CALL)
    world.tool_process.handle(CallTool("c2", "f", "{}"))
    world.child.on_error(ChildFailedError("The tools process ended"))
    assert [answer.call_id for answer in world.answers] == ["c1", "c2"]
    assert world.notices == ["The tools process ended: a new one is started."]
    world.tool_process.handle(CallTool("c3", "f", "{}"))
    assert [len(child.sent) for child in world.children.spawned] == [2, 1]


def test_a_process_that_ends_again_and_again_waits_for_the_next_call(world: World) -> None:
    for _ in range(ReplacementLimit.MOST + 1):
        world.child.on_error(ChildFailedError("The tools process ended"))
    assert len(world.children.spawned) == 1 + ReplacementLimit.MOST
    assert world.notices[-1].endswith("The next call starts a new process.")
    world.tool_process.handle(CallTool("c3", "f", "{}"))
    assert len(world.children.spawned) == 2 + ReplacementLimit.MOST


def test_files_that_cannot_be_loaded_end_the_run_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    with pytest.raises(ToolError):
        world.child.on_error(ToolError("There is no such file."))


def test_an_import_that_takes_long_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.wait(ToolProcess.IMPORT_NOTICE_S)
    assert world.notices == []
    world.wait(0.1)
    world.wait(60)
    (notice,) = world.notices
    assert notice == (
        "Still importing the tools of tools.py: the conversation begins when that is done, "
        "which has no time limit."
    )
    assert not world.child.killed


def test_an_import_that_has_ended_is_not_told(world: World) -> None:
    world.wait(ToolProcess.IMPORT_NOTICE_S + 0.1)
    assert world.notices == []
