"""Clients that say nothing, have died, or are only slow: which are ended, and which stay."""

import asyncio
import base64
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from yarl import URL

from pipeline.emulator.server.access import Access
from pipeline.emulator.server.connection import _PING_S
from pipeline.emulator.server.liveness import LIMITS, Limits, Liveness
from pipeline.emulator.server.service import EmulatorService
from pipeline.emulator.speech.engine import Engine
from tests.service.client import GENEROUS_S, KEY
from tests.service.conftest import Start

SHORT = Limits(request_s=0.2, first_event_s=0.3, ping_s=0.1, dead_s=0.5)
PATIENT = Limits(request_s=60, first_event_s=60, ping_s=0.1, dead_s=0.5)
FLOODED = Limits(ping_s=0.2, dead_s=2)
"""For clients that first send until the service does not read any more."""
UPDATE = json.dumps({"type": "session.update", "session": {}})

CLIENT = """
import asyncio, sys, aiohttp

async def main(url, key, flood):
    async with aiohttp.ClientSession(headers={"api-key": key}) as session:
        async with session.ws_connect(url) as connection:
            await connection.send_str('{"type": "session.update", "session": {}}')
            for _ in range(2_000 if flood else 0):  # answers with 2 MB, which it does not read
                await connection.send_str('{"type": "session.update", "session": {}}')
            print("ready", flush=True)
            async for _ in connection:
                pass

asyncio.run(main(*sys.argv[1:3], len(sys.argv) > 3))
"""


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load none: these clients never speak."""

    async def settled(_: Engine) -> None:
        pass

    monkeypatch.setattr(Engine, "start", lambda _: None)
    monkeypatch.setattr(Engine, "settled", settled)
    monkeypatch.setattr(Engine, "stop", lambda _: None)


@asynccontextmanager
async def connected(
    endpoint: URL, **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        asyncio.timeout(GENEROUS_S),
        aiohttp.ClientSession(headers={"api-key": KEY}) as session,
        session.ws_connect(endpoint / "voice-live/realtime", **options) as connection,
    ):
        yield connection


async def wait_for_a_place(endpoint: URL) -> None:
    """Connect again and again, until the service admits another client."""
    async with asyncio.timeout(GENEROUS_S):
        while True:
            with suppress(aiohttp.WSServerHandshakeError):
                async with connected(endpoint):
                    return
            await asyncio.sleep(0.02)


async def is_served(connection: aiohttp.ClientWebSocketResponse) -> None:
    """Wait for the answer to an update, past everything that was sent before."""
    await connection.send_str(json.dumps({"type": "no.such.type", "event_id": "last"}))
    while True:
        event = await connection.receive_json()
        if event["type"] == "error" and event["error"]["event_id"] == "last":
            return


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /voice-live/realtime HTT",
        b"GET /voice-live/realtime HTTP/1.1\r\nHost: h\r\n",
        b"GET /voice-live/realtime HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
    ids=["nothing", "half a line", "half a request", "a refused request"],
)
def test_a_connection_without_a_request_is_closed(empty_service: Start, said: bytes) -> None:
    async def wait_closed() -> bytes:
        async with (
            asyncio.timeout(GENEROUS_S),
            empty_service(Access(KEY), limits=SHORT) as endpoint,
        ):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            writer.write(said)
            answer = await reader.read()
            writer.close()
            return answer

    answer = asyncio.run(wait_closed())
    assert answer.startswith(b"HTTP/1.1 401" if said.endswith(b"\r\n\r\n") else b"")


def test_a_client_without_an_event_is_closed_with_a_reason(empty_service: Start) -> None:
    async def wait_closed() -> aiohttp.WSMessage:
        async with (
            empty_service(Access(KEY), limits=SHORT) as endpoint,
            connected(endpoint, autoclose=False) as connection,
        ):
            created = await connection.receive_json()
            assert created["type"] == "session.created"
            return await connection.receive()

    closed = asyncio.run(wait_closed())
    assert closed.type is aiohttp.WSMsgType.CLOSE
    assert closed.data == aiohttp.WSCloseCode.POLICY_VIOLATION
    assert closed.extra == "No event within 0.3 s of the handshake."


def test_a_client_that_only_answers_pings_stays(empty_service: Start) -> None:
    async def answer_pings() -> None:
        async with (
            empty_service(Access(KEY), limits=SHORT) as endpoint,
            connected(endpoint, autoping=False) as connection,
        ):
            await connection.send_str(UPDATE)
            pings = 0
            while pings < 10:  # 0.1 s after each pong: twice as long as a dead client stays
                message = await connection.receive()
                assert not connection.closed
                if message.type is aiohttp.WSMsgType.PING:
                    pings += 1
                    await connection.pong(message.data)
            await is_served(connection)

    asyncio.run(answer_pings())


def test_a_ping_of_the_client_is_answered(empty_service: Start) -> None:
    async def ping() -> None:
        async with (
            empty_service(Access(KEY)) as endpoint,
            connected(endpoint, autoping=False) as connection,
        ):
            await connection.ping(b"here?")
            while (message := await connection.receive()).type is not aiohttp.WSMsgType.PONG:
                assert not connection.closed
            assert message.data == b"here?"

    asyncio.run(ping())


def test_a_client_that_sends_and_does_not_read_stays(empty_service: Start) -> None:
    """As a microphone goes on while the program's receiving loop is busy."""

    async def send_only() -> None:
        async with (
            empty_service(Access(KEY), limits=PATIENT) as endpoint,
            connected(endpoint) as connection,
        ):
            for _ in range(30):  # three times as long as a dead client stays
                await connection.send_str(UPDATE)
                await asyncio.sleep(0.05)
            await is_served(connection)

    asyncio.run(send_only())


def test_a_client_that_takes_events_slowly_stays(empty_service: Start) -> None:
    """Its answers to pings wait behind what it has not read yet."""

    async def read_slowly() -> None:
        async with empty_service(Access(KEY), limits=FLOODED) as endpoint:
            reader, writer = await slow_client(endpoint)
            with suppress(TimeoutError):
                while True:
                    writer.write(masked(json.loads(UPDATE)) * 100)
                    async with asyncio.timeout(0.2):
                        await writer.drain()
            await read_for_a_while(reader)
            writer.transport.abort()

    asyncio.run(read_slowly())


def test_a_client_that_takes_a_long_answer_slowly_stays(empty_service: Start) -> None:
    """The service reads it, and finds no pong for longer than a dead client stays."""

    async def read_slowly() -> None:
        async with empty_service(Access(KEY), limits=FLOODED) as endpoint:
            reader, writer = await slow_client(endpoint)
            content = [{"type": "input_text", "text": "x" * 200_000}]
            item = {"id": "long", "type": "message", "role": "user", "content": content}
            writer.write(masked({"type": "conversation.item.create", "item": item}))
            for _ in range(20):
                writer.write(masked({"type": "conversation.item.retrieve", "item_id": "long"}))
            await read_for_a_while(reader)
            writer.transport.abort()

    asyncio.run(read_slowly())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")
@pytest.mark.parametrize("flood", [(), ("flood",)], ids=["idle", "with unsent events"])
def test_the_place_of_a_stopped_client_becomes_free(
    empty_service: Start, flood: tuple[str, ...]
) -> None:
    """Its system still answers for it: only the missing pongs show that it is dead."""

    async def outlive() -> None:
        async with empty_service(Access(KEY), limits=FLOODED, most_clients=1) as endpoint:
            url = str(endpoint / "voice-live/realtime")
            client = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CLIENT, url, KEY, *flood), stdout=asyncio.subprocess.PIPE
            )
            try:
                assert client.stdout is not None
                assert await client.stdout.readline() == b"ready\n"
                client.send_signal(signal.SIGSTOP)
                await wait_for_a_place(endpoint)
            finally:
                client.kill()
                await client.wait()

    asyncio.run(outlive())


def test_the_place_of_a_dead_client_is_free_within_30_s() -> None:
    """What the limits add up to: the last sign of life, a check later, and a ping under way."""
    assert LIMITS.dead_s + LIMITS.check_s + _PING_S < 30
    assert LIMITS.dead_s - LIMITS.ping_s - LIMITS.check_s > 10, "too short to answer a ping"


def test_a_client_that_leaves_while_the_models_load_frees_its_place(
    empty_service: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmulatorService, "_wait_until_loaded", lambda _: asyncio.Event().wait())

    async def leave() -> None:
        async with empty_service(Access(KEY), most_clients=1) as endpoint:
            async with connected(endpoint):
                pass
            await wait_for_a_place(endpoint)

    asyncio.run(leave())


def test_a_service_that_stood_still_ends_no_client(empty_service: Start) -> None:
    async def stand_still() -> None:
        async with (
            empty_service(Access(KEY), limits=PATIENT) as endpoint,
            connected(endpoint) as connection,
        ):
            await connection.send_str(UPDATE)
            time.sleep(2 * PATIENT.dead_s)  # noqa: ASYNC251 - as a stopped process does
            await asyncio.sleep(2 * PATIENT.check_s)
            await is_served(connection)

    asyncio.run(stand_still())


class Checks:
    """Checks a `Liveness` every second of a clock of its own; ended after 10 s of silence."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.liveness = Liveness(Limits(dead_s=10), lambda: self.now_s)

    def after(self, seconds: int, *, reads: bool, given: int = 0, unsent: int = 0) -> float:
        """Return the silence after so many checks."""
        for _ in range(seconds):
            self.now_s += 1
            silent_s = self.liveness.silent_s(reads=reads, given_bytes=given, unsent_bytes=unsent)
        return silent_s


def test_a_message_is_a_sign_of_life() -> None:
    checks = Checks()
    assert checks.after(8, reads=True) == 8
    checks.liveness.note_sign()
    assert checks.after(3, reads=True) == 3


def test_pongs_are_not_missed_while_the_service_does_not_read() -> None:
    assert Checks().after(100, reads=False) == 0


def test_a_client_that_takes_nothing_is_silent_also_while_the_service_does_not_read() -> None:
    checks = Checks()
    checks.after(100, reads=False)
    assert checks.after(9, reads=False, given=100, unsent=60) == 9


def test_a_client_that_takes_some_of_what_waits_for_it_gives_a_sign_of_life() -> None:
    checks = Checks()
    assert checks.after(9, reads=True, given=100, unsent=60) == 9
    assert checks.after(1, reads=True, given=200, unsent=159) == 0


def test_what_the_system_takes_for_a_client_is_not_a_sign_of_life() -> None:
    checks = Checks()
    assert checks.after(5, reads=True, given=100) == 5
    assert checks.after(1, reads=True, given=200) == 6


def test_silence_does_not_count_while_the_service_stood_still() -> None:
    checks = Checks()
    assert checks.after(9, reads=True) == 9
    checks.now_s += 60
    assert checks.after(1, reads=True) == 0


async def slow_client(endpoint: URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with small buffers, so that what is not read soon waits in the service."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (endpoint.host, endpoint.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=4 * 1024)
    key = base64.b64encode(bytes(16)).decode()
    request = (
        f"GET /voice-live/realtime HTTP/1.1\r\nHost: h\r\napi-key: {KEY}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n"
    )
    writer.write(request.encode())
    return reader, writer


async def read_for_a_while(reader: asyncio.StreamReader) -> None:
    """Read slowly, for twice as long as a dead client stays, and answer no ping."""
    for _ in range(100):
        assert await reader.read(4 * 1024), "the service closed the connection"
        await asyncio.sleep(0.04)


def masked(event: dict[str, Any]) -> bytes:
    """Return an event as a client's frame, with a mask of zeros."""
    text = json.dumps(event).encode()
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xff" + len(text).to_bytes(8)
    return b"\x81" + length + bytes(4) + text
