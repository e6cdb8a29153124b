"""The WebSocket side that all scripted services share."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pipeline.bench import events
from pipeline.bench.voice_server import PATH, ClientConnection, local_listener, serving

KEY = "a-key-for-tests"


@asynccontextmanager
async def client(
    received: list[dict[str, Any]],
    key: str = KEY,
    refusal: Callable[[], web.HTTPException | None] = lambda: None,
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Connect to a server that sends speech_started and collects what it receives."""

    async def converse(connection: ClientConnection) -> None:
        await connection.send(events.speech_started("user"))
        async for _, event in connection.received():
            received.append(event)

    with local_listener() as (listener, endpoint):
        async with (
            serving(listener, KEY, converse, refusal),
            aiohttp.ClientSession(headers={"api-key": key}) as session,
            session.ws_connect(f"{endpoint}{PATH}") as socket,
        ):
            yield socket


def test_the_session_is_created_before_the_script_begins_and_updates_are_answered() -> None:
    received: list[dict[str, Any]] = []

    async def talk() -> list[dict[str, Any]]:
        async with client(received) as socket:
            update = {"type": "session.update", "session": {"voice": "alloy"}}
            await socket.send_str(json.dumps(update))
            return [await socket.receive_json() for _ in range(3)]

    created, started, updated = asyncio.run(talk())
    assert created["type"] == "session.created"
    assert started["type"] == "input_audio_buffer.speech_started"
    assert (updated["type"], updated["session"]) == ("session.updated", {"voice": "alloy"})
    assert [event["type"] for event in received] == ["session.update"]


@pytest.mark.parametrize(
    ("key", "refusal", "status"),
    [("wrong", lambda: None, 401), (KEY, web.HTTPServiceUnavailable, 503)],
)
def test_a_wrong_key_and_a_server_that_is_away_refuse_the_handshake(
    key: str, refusal: Callable[[], web.HTTPException | None], status: int
) -> None:
    async def talk() -> None:
        async with client([], key, refusal):
            pass

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        asyncio.run(talk())
    assert refused.value.status == status


def test_frames_that_are_not_text_are_skipped() -> None:
    received: list[dict[str, Any]] = []

    async def talk() -> None:
        async with client(received) as socket:
            await socket.send_bytes(b"\0")
            await socket.send_str('{"type": "response.cancel"}')
            await socket.close()

    asyncio.run(talk())
    assert received == [{"type": "response.cancel"}]
