"""The beginning of an answer that is made ahead: used if it fits, else dropped."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from pipeline.emulator.replies.rule_replies import RuleReplies
from pipeline.emulator.replies.rules import Replier
from pipeline.emulator.replies.source import Prompt
from pipeline.emulator.responses.speculation import Speculation
from pipeline.pcm import Samples

SETTINGS: dict[str, Any] = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
CLOCK_TOOL = {
    "type": "function",
    "name": "get_time",
    "description": "Tell the time of day.",
    "parameters": {"type": "object", "properties": {}},
}
RULES = RuleReplies(Replier(lambda: datetime(2026, 11, 22, 9, 5, tzinfo=UTC)))
FIRST_CLAUSE = "It is nine oh five in the morning."


class Engine:
    """Returns made-up sound, and keeps the clauses."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def say(self, clause: str, *, awaited: bool) -> Samples:
        assert awaited
        self.said.append(clause)
        await asyncio.sleep(0)
        return np.full(3, len(self.said), np.int16)


Scene = Callable[[Speculation, Engine], Coroutine[Any, Any, None]]


def play(scene: Scene, replies: Any = RULES) -> Engine:
    engine = Engine()
    asyncio.run(scene(Speculation(engine, replies), engine))  # type: ignore[arg-type]
    return engine


async def words(text: str) -> str:
    return text


async def ready() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def speculate(speculation: Speculation, text: str, settings: dict[str, Any] = SETTINGS) -> None:
    speculation.begin(settings, (), asyncio.create_task(words(text)))


def test_a_prepared_clause_is_spoken_at_once() -> None:
    async def scene(speculation: Speculation, engine: Engine) -> None:
        speculate(speculation, "What time is it?")
        await ready()
        assert engine.said == [FIRST_CLAUSE]
        assert (await speculation.say(FIRST_CLAUSE, awaited=True)).tolist() == [1, 1, 1]

    assert play(scene).said == [FIRST_CLAUSE]


def test_a_clause_in_the_making_is_awaited() -> None:
    async def scene(speculation: Speculation, _: Engine) -> None:
        speculate(speculation, "What time is it?")
        await speculation.say(FIRST_CLAUSE, awaited=True)

    assert play(scene).said == [FIRST_CLAUSE]


def test_cancelling_the_wait_cancels_the_speculation() -> None:
    async def unheard() -> str:
        await asyncio.Event().wait()
        return ""

    async def scene(speculation: Speculation, _: Engine) -> None:
        words = asyncio.create_task(unheard())
        others = asyncio.all_tasks()
        speculation.begin(SETTINGS, (), words)
        saying = asyncio.create_task(speculation.say(FIRST_CLAUSE, awaited=True))
        await ready()
        saying.cancel()
        await ready()
        assert asyncio.all_tasks() == others

    assert play(scene).said == []


def test_another_clause_is_synthesised() -> None:
    async def scene(speculation: Speculation, _: Engine) -> None:
        speculate(speculation, "What time is it?")
        assert (await speculation.say("Something else.", awaited=True)).tolist() == [2, 2, 2]
        await speculation.say(FIRST_CLAUSE, awaited=True)

    assert play(scene).said == [FIRST_CLAUSE, "Something else.", FIRST_CLAUSE]


def test_a_dropped_speculation_is_not_made() -> None:
    async def scene(speculation: Speculation, _: Engine) -> None:
        speculate(speculation, "What time is it?")
        speculation.drop()
        await ready()

    assert play(scene).said == []


def test_the_newest_speculation_counts() -> None:
    async def scene(speculation: Speculation, _: Engine) -> None:
        speculate(speculation, "Tell me a story")
        speculate(speculation, "What time is it?")
        await ready()

    assert play(scene).said == [FIRST_CLAUSE]


def test_function_calls_are_not_prepared() -> None:
    async def scene(speculation: Speculation, _: Engine) -> None:
        speculate(speculation, "What time is it?", SETTINGS | {"tools": [CLOCK_TOOL]})
        await ready()

    assert play(scene).said == []


def test_failed_recognition_does_not_fail_the_answer() -> None:
    async def scene(speculation: Speculation, _: Engine) -> None:
        failing = asyncio.get_running_loop().create_future()
        failing.set_exception(RuntimeError("no words"))
        speculation.begin(SETTINGS, (), failing)  # type: ignore[arg-type]
        await speculation.say("Hello.", awaited=True)

    assert play(scene).said == ["Hello."]


def test_a_remote_model_is_not_asked_ahead() -> None:
    class Model:
        async def reply(self, _: Prompt) -> AsyncGenerator[str, None]:
            pytest.fail("it was asked")
            yield ""

    async def scene(speculation: Speculation, _: Engine) -> None:
        speculate(speculation, "What time is it?")
        await ready()
        await speculation.say("Hello.", awaited=True)

    assert play(scene, Model()).said == ["Hello."]
