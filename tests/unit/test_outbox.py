"""Messages to the service: sent in order, without waiting, and dropped once they are stale."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from azure.ai.voicelive.aio import ConnectionError as SdkConnectionError
from azure.ai.voicelive.aio import ConversationResource, ResponseResource

from pipeline.errors import ServiceClosedError
from pipeline.network.actions import (
    AddMessage,
    CreateResponse,
    DeleteItem,
    SendToolResult,
    Truncate,
)
from pipeline.network.connection import SendGate
from pipeline.network.outbox import Outbox


class Connection:
    """The SDK's own resources over a socket that takes messages only while it is `open`."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.blocked = asyncio.Event()
        self.failure: Exception | None = None
        self.conversation = ConversationResource(self)  # type: ignore[arg-type]
        self.response = ResponseResource(self)  # type: ignore[arg-type]

    async def send(self, event: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(event.as_dict())
        if not self.open.is_set():
            self.blocked.set()
            await self.open.wait()

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.sent]

    async def wait_sent(self, count: int) -> None:
        while len(self.sent) < count:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0)


class Rig:
    """An outbox whose sender runs."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.due = True
        self.asked: list[CreateResponse] = []
        self.outbox = Outbox(self._release)
        self.gate = SendGate()
        run = self.outbox.run(self.connection, self.gate)  # type: ignore[arg-type]
        self.sender = asyncio.create_task(run)

    def _release(self, request: CreateResponse) -> bool:
        self.asked.append(request)
        return self.due


def with_rig(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        rig = Rig()
        try:
            async with asyncio.timeout(60):
                await test(rig)
        finally:
            rig.sender.cancel()
            await asyncio.wait({rig.sender})

    asyncio.run(run())


def test_each_message_on_the_wire() -> None:
    async def test(rig: Rig) -> None:
        for message in (
            AddMessage("user", "Hello."),
            AddMessage("assistant", "Good morning."),
            Truncate("i1", 410),
            DeleteItem("i2"),
            SendToolResult("c1", "noon"),
            CreateResponse(7),
        ):
            rig.outbox.put(message)
        await rig.connection.wait_sent(6)
        ids = [event["event_id"] for event in rig.connection.sent]
        assert ids == ["turn_1", "turn_2", "truncation_3", "deletion_4", "result_5", "answer_7"]
        user, assistant, truncation, deletion, result, request = rig.connection.sent
        assert user["item"]["role"] == "user"
        assert user["item"]["content"][0]["text"] == "Hello."
        assert assistant["item"]["role"] == "assistant"
        assert truncation["type"] == "conversation.item.truncate"
        assert (truncation["item_id"], truncation["audio_end_ms"]) == ("i1", 410)
        assert truncation["content_index"] == 0
        assert (deletion["type"], deletion["item_id"]) == ("conversation.item.delete", "i2")
        assert result["item"]["type"] == "function_call_output"
        assert (result["item"]["call_id"], result["item"]["output"]) == ("c1", "noon")
        assert request["type"] == "response.create"

    with_rig(test)


def test_put_never_waits_for_a_blocked_connection() -> None:
    async def test(rig: Rig) -> None:
        rig.connection.open.clear()
        rig.outbox.put(Truncate("i1", 1))
        await rig.connection.blocked.wait()
        for number in range(100):
            rig.outbox.put(SendToolResult(f"c{number}", ""))
        assert len(rig.connection.sent) == 1, "what waits has not left"
        rig.connection.open.set()
        await rig.connection.wait_sent(101)
        sent = [event["item"]["call_id"] for event in rig.connection.sent[1:]]
        assert sent == [f"c{number}" for number in range(100)]

    with_rig(test)


def test_a_request_is_judged_when_it_could_be_sent() -> None:
    async def test(rig: Rig) -> None:
        rig.connection.open.clear()
        rig.outbox.put(Truncate("i1", 1))
        await rig.connection.blocked.wait()
        stale = CreateResponse()
        rig.outbox.put(stale)
        rig.outbox.put(SendToolResult("c1", "noon"))
        assert rig.asked == []
        rig.due = False
        rig.connection.open.set()
        await rig.connection.wait_sent(2)
        assert rig.asked == [stale]
        assert rig.asked[0] is stale
        assert rig.connection.kinds() == ["conversation.item.truncate", "conversation.item.create"]

    with_rig(test)


def test_a_message_waits_while_the_microphone_is_being_sent() -> None:
    async def test(rig: Rig) -> None:
        async with rig.gate.turn():
            rig.outbox.put(CreateResponse())
            for _ in range(10):
                await asyncio.sleep(0)
            assert rig.connection.sent == []
            assert rig.asked == [], "it can still become stale"
        await rig.connection.wait_sent(1)

    with_rig(test)


def test_too_many_messages_end_the_session() -> None:
    async def test(rig: Rig) -> None:
        rig.connection.open.clear()
        rig.outbox.put(Truncate("i1", 1))
        await rig.connection.blocked.wait()
        overflow = asyncio.create_task(rig.outbox.wait_overflow())
        for number in range(Outbox.MOST_WAITING):
            rig.outbox.put(SendToolResult(f"c{number}", ""))
        await asyncio.sleep(0)
        assert not overflow.done()
        rig.outbox.put(CreateResponse())
        with pytest.raises(ServiceClosedError, match="1,000 messages wait"):
            await overflow
        assert len(rig.outbox._waiting) == Outbox.MOST_WAITING

    with_rig(test)


def test_a_closed_connection_ends_the_sender() -> None:
    async def test(rig: Rig) -> None:
        error = SdkConnectionError("Failed to send event")
        error.__cause__ = ConnectionResetError()
        rig.connection.failure = error
        rig.outbox.put(Truncate("i1", 1))
        with pytest.raises(ServiceClosedError, match="The service closed"):
            await rig.sender

    with_rig(test)


def test_a_message_that_cannot_be_written_is_a_fault_of_the_client() -> None:
    async def test(rig: Rig) -> None:
        error = SdkConnectionError("Failed to send event")
        error.__cause__ = TypeError("not JSON serializable")
        rig.connection.failure = error
        rig.outbox.put(Truncate("i1", 1))
        with pytest.raises(SdkConnectionError) as raised:
            await rig.sender
        assert raised.value is error

    with_rig(test)
