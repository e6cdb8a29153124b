"""The end of a connection, over a real socket: bounded, complete, whatever the service does."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from azure.ai.voicelive.aio import VoiceLiveConnection

from pipeline.config.settings import Settings
from pipeline.network.connection import SendGate, open_connection
from pipeline.network.setup import SetUp
from pipeline.system.event_loop import event_loop
from tests.support.scripted_service import ScriptedService, ScriptedSession

LOOPS = [asyncio.new_event_loop, event_loop]


class Service:
    """A service that does `something`, and then sends for ever, until the client has left."""

    def __init__(self, something: Callable[[ScriptedSession], None]) -> None:
        self._something = something
        self.left = threading.Event()

    async def play(self, session: ScriptedSession) -> None:
        self._something(session)
        try:
            while True:
                await session.send("rate_limits.updated")
                await asyncio.sleep(0.05)
        finally:
            self.left.set()


def converse(service: Service, talk: Callable[[VoiceLiveConnection], Awaitable[None]]) -> None:
    """Open a connection, `talk` over it, and leave."""

    async def run(endpoint: str) -> None:
        settings = Settings(endpoint=endpoint, api_key=ScriptedService.KEY, use_api_key=True)
        async with open_connection(settings, SetUp("x", 60)) as connection:
            await talk(connection)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    for loop_factory in LOOPS:
        service.left.clear()
        with (
            ScriptedService(service.play, narrow=True) as scripted,
            asyncio.Runner(loop_factory=loop_factory) as runner,
        ):
            runner.run(run(scripted.endpoint))
            assert service.left.wait(60), "the service sees the end"


def test_a_service_that_reads_nothing_and_sends_on_is_left() -> None:
    async def fill(connection: VoiceLiveConnection) -> None:
        while True:
            await connection.send({"type": "x", "fill": "x" * 60_000})

    async def talk(connection: VoiceLiveConnection) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fill(connection), 0.5)

    converse(Service(ScriptedSession.stop_reading), talk)


def test_a_service_that_sends_on_but_reads_is_left() -> None:
    async def talk(connection: VoiceLiveConnection) -> None:
        assert await connection.recv_bytes()

    converse(Service(lambda _: None), talk)


def test_a_service_that_has_reset_the_connection_is_left() -> None:
    async def talk(_connection: VoiceLiveConnection) -> None:
        await asyncio.sleep(0.1)

    converse(Service(ScriptedSession.abort), talk)


def test_the_gate_is_free_again_after_a_send_that_failed() -> None:
    async def run() -> None:
        gate = SendGate()
        with pytest.raises(KeyError):
            async with gate.turn():
                raise KeyError
        async with asyncio.timeout(60), gate.turn():
            pass

    asyncio.run(run())
