"""Functions in the program that uses the library: one answer for each call, whatever happens."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.ipc.commands import CallTool, CancelTool, ToolOutput
from pipeline.supervisor.caller_tools import CallerTools
from pipeline.tools.objects import tools_of

WITHIN_S = 60.0
TIMEOUT_S = 30.0


def say(words: str) -> str:
    """Return the words."""
    return words


async def wait() -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


class World:
    """The supervisor's thread is the test's: it carries out what is posted in `settle`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.answers: list[ToolOutput] = []
        self.tools = CallerTools(
            tools_of([say, wait]),
            loop,
            TIMEOUT_S,
            call_soon=self.posted.put,
            answer=self.answers.append,
        )

    def settle(self) -> None:
        self.posted.get(timeout=WITHIN_S)()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        thread = threading.Thread(target=runner.get_loop().run_forever)
        thread.start()
        yield runner.get_loop()
        runner.get_loop().call_soon_threadsafe(runner.get_loop().stop)
        thread.join()


def test_a_function_is_answered_once_in_the_thread_of_the_supervisor(loop: Any) -> None:
    world = World(loop)
    world.tools.call(CallTool("c1", "say", '{"words": "x"}'))
    world.settle()
    assert world.answers == [ToolOutput("c1", '"x"')]
    world.tools.cancel(CancelTool("c1"))
    world.tools.enforce_limits()
    assert len(world.answers) == 1


def test_a_cancelled_call_is_not_answered(loop: Any) -> None:
    world = World(loop)
    world.tools.call(CallTool("c1", "wait", "{}"))
    world.tools.cancel(CancelTool("c1"))
    world.tools.call(CallTool("c2", "say", '{"words": "x"}'))
    world.settle()
    assert [answer.call_id for answer in world.answers] == ["c2"]


def test_a_call_that_takes_too_long_is_answered_for(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr("pipeline.supervisor.caller_tools.time.monotonic", lambda: now_s)
    world = World(loop)
    world.tools.call(CallTool("c1", "wait", "{}"))
    now_s += TIMEOUT_S
    world.tools.enforce_limits()
    assert world.answers == []
    now_s += 0.1
    world.tools.enforce_limits()
    world.tools.enforce_limits()
    assert world.answers == [ToolOutput("c1", "error: the function took longer than 30 s")]


def test_a_closed_event_loop_ends_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    world = World(loop)
    world.tools.call(CallTool("c1", "wait", "{}"))
    assert world.answers == [ToolOutput("c1", "error: the program's event loop is closed")]
    world.tools.call(CallTool("c2", "say", '{"words": "x"}'))
    world.settle()
    assert world.answers[1] == ToolOutput("c2", '"x"')
    world.tools.close()
