"""Functions that a program hands to the library, over real processes and sockets."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import (
    BlockingVoiceSession,
    Event,
    Settings,
    SettingsError,
    ToolAnswered,
    ToolCalled,
    ToolError,
    VoiceSession,
)
from tests.support.importable_tool import process_id
from tests.support.scripted_service import Script, ScriptedService, ScriptedSession
from tests.support.sound import noise, write_wav

WITHIN_S = 60.0


class Counter:
    """An object with a method that the model may call."""

    def __init__(self) -> None:
        self.count = 0
        self.threads: set[int] = set()

    def add(self, number: int) -> int:
        """Add a number to the count.

        :param number: what to add
        """
        self.threads.add(threading.get_ident())
        self.count += number
        return self.count

    async def thread(self) -> int:
        """Return the thread that runs this."""
        await asyncio.sleep(0)
        return threading.get_ident()


def hang(seconds: float) -> str:
    """Take long."""
    time.sleep(seconds)
    return "late"


def fail() -> None:
    """Raise an error."""
    raise ValueError("as told")


def calling(*calls: tuple[str, dict[str, Any]]) -> Script:
    """Return a script that calls functions in one response, and waits for their results."""

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)
        await session.start_answer("r1")
        for number, (name, arguments) in enumerate(calls):
            call = {"response_id": "r1", "call_id": f"c{number}", "name": name}
            await session.send(
                "response.function_call_arguments.done", **call, arguments=json.dumps(arguments)
            )
        await session.end_answer("r1", "nothing")

    return script


def settings_of(service: ScriptedService, folder: Path, **more: Any) -> Settings:
    spoken = write_wav(folder / "spoken.wav", noise(60.0, 9, 90, seed=1))
    return Settings(
        endpoint=service.endpoint,
        api_key=service.KEY,
        input=str(spoken),
        output=str(folder / "heard.wav"),
        **more,
    )


def results(events: list[Event]) -> dict[str, str]:
    return {event.call_id: event.output for event in events if isinstance(event, ToolAnswered)}


async def answered(session: VoiceSession, count: int) -> dict[str, str]:
    events: list[Event] = []
    async for event in session:
        events.append(event)
        if len(results(events)) == count:
            break
    assert sum(isinstance(event, ToolCalled) for event in events) == count
    return results(events)


def told(service: ScriptedService) -> dict[str, str]:
    """Return what the service was told of each call, once it is asked to go on."""
    session = service.sessions[0]
    service.call(session.wait_for(lambda: session.count("response.create")))
    items = [e["item"] for e in session.received if e["type"] == "conversation.item.create"]
    return {item["call_id"]: item["output"] for item in items}


def test_functions_of_the_program_run_in_it(tmp_path: Path) -> None:
    counter = Counter()

    async def converse(service: ScriptedService) -> None:
        tools: list[Callable[..., Any]] = [counter.add, counter.thread, fail, hang]
        settings = settings_of(service, tmp_path, tool_timeout_s=1.0)
        async with VoiceSession(settings, tools=tools) as session:
            outputs = await answered(session, 5)
            assert outputs["c0"] == "5"
            assert outputs["c1"] == str(threading.get_ident()), "on the loop of the program"
            assert outputs["c2"] == "error: ValueError: as told"
            assert outputs["c3"] == "error: the function took longer than 1 s"
            assert outputs["c4"].startswith("error: wrong arguments for add")
            assert told(service) == outputs

    calls = [("add", {"number": 5}), ("thread", {}), ("fail", {}), ("hang", {"seconds": 2})]
    with ScriptedService(calling(*calls, ("add", {"number": "x"}))) as service:
        asyncio.run(asyncio.wait_for(converse(service), WITHIN_S))
        offered = service.sessions[0].received[0]["session"]["tools"]
    assert [tool["name"] for tool in offered] == ["add", "thread", "fail", "hang"]
    assert offered[0]["parameters"]["properties"]["number"]["description"] == "what to add"
    assert counter.threads
    assert threading.get_ident() not in counter.threads, "a thread of its own"


@pytest.mark.parametrize("tools_in", ["caller", "process"])
def test_functions_of_a_program_without_an_event_loop(tmp_path: Path, tools_in: Any) -> None:
    with ScriptedService(calling(("process_id", {}))) as service:
        settings = settings_of(service, tmp_path)
        tools = [process_id]
        with BlockingVoiceSession(settings, tools=tools, tools_in=tools_in) as session:
            output = next(event.output for event in session if isinstance(event, ToolAnswered))
            assert told(service) == {"c0": output}
        assert (output == str(os.getpid())) is (tools_in == "caller")
    assert not {"voice session", "tools"} & {thread.name for thread in threading.enumerate()}


def test_what_cannot_be_a_tool_is_refused_at_once() -> None:
    def local() -> None:
        """Do nothing."""

    def untyped(x) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the fault under test
        """Do nothing."""

    for tool, fault in (
        (lambda x: x, "a lambda has neither type hints nor a docstring"),
        (Counter(), "is not a tool, expected a function"),
        (Counter, "is not a tool, expected a function"),
        (untyped, "has no type hint for x"),
        (calling, "takes calls, which a schema cannot describe|has no docstring|\\*calls"),
    ):
        with pytest.raises(ToolError, match=fault):
            VoiceSession(tools=[tool])  # type: ignore[list-item]  # the fault under test
    with pytest.raises(ToolError, match="a second tool is named fail"):
        BlockingVoiceSession(tools=[fail, fail])
    for not_importable in (local, Counter().add):
        with pytest.raises(ToolError, match="must be importable"):
            VoiceSession(tools=[not_importable], tools_in="process")
    with pytest.raises(ToolError, match="tools_in is 'thread', expected 'caller' or 'process'"):
        VoiceSession(tools_in="thread")  # type: ignore[arg-type]  # the fault under test


def test_a_choice_of_an_unknown_tool_ends_the_session(tmp_path: Path) -> None:
    with ScriptedService() as service:
        settings = settings_of(service, tmp_path, tool_choice="nonsense")
        with (
            pytest.raises(SettingsError, match=r"expected auto, none, required, or .*: fail"),
            BlockingVoiceSession(settings, tools=[fail]) as session,
        ):
            session.wait_open()
