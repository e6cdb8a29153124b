"""Why there is no connection, over a real socket: each sentence, and what is to be done."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from aiohttp import WSMsgType, web
from azure.ai.voicelive.aio import VoiceLiveConnection
from azure.core.credentials import AccessToken

from pipeline.config.settings import Settings
from pipeline.errors import (
    AuthenticationError,
    BusyError,
    EndpointError,
    PipelineError,
    RefusedError,
    ServiceClosedError,
)
from pipeline.network.closings import MOST_MESSAGE_BYTES
from pipeline.network.connection import SendGate, next_message, open_connection
from pipeline.network.heartbeat import Heartbeat
from pipeline.network.refusals import retry_after_s
from pipeline.network.setup import SetUp, Stage
from tests.support.raw_service import Connection, RawService, read_to_the_end, upgraded


def ignore(*_: bytes) -> None:
    pass


async def read_message(connection: VoiceLiveConnection) -> bytes:
    return await next_message(connection, ignore, ignore)


def converse(
    served: Connection, talk: Callable[[VoiceLiveConnection], Awaitable[object]] = read_message
) -> object:
    """Open a connection to a service and return what `talk` returns."""

    async def run(endpoint: str) -> object:
        settings = Settings(endpoint=endpoint, api_key=RawService.KEY, use_api_key=True)
        async with open_connection(settings, SetUp("host", 60)) as connection:
            return await talk(connection)

    with RawService(served) as service:
        return asyncio.run(run(service.endpoint))


def closed_with(code: int, reason: bytes = b"") -> str:
    async def close(request: web.Request) -> web.StreamResponse:
        socket = await upgraded(request)
        await socket.close(code=code, message=reason)
        return socket

    with pytest.raises(ServiceClosedError) as raised:
        converse(close)
    return str(raised.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1000, "The service closed the connection."),
        (1001, "longest duration (close code 1001)."),
        (1008, "breaks a rule of the service (close code 1008)."),
        (1009, "a message was too big for it (close code 1009)."),
        (1011, "internal error (close code 1011)."),
        (1012, "it restarts (close code 1012)."),
        (1013, "it is busy (close code 1013)."),
        (4321, "The service closed the connection (close code 4321)."),
    ],
)
def test_a_close_code_in_words(code: int, words: str) -> None:
    assert words in closed_with(code)


def test_a_reason_is_shown_without_what_could_steer_a_terminal() -> None:
    reason = "Quota \x1b[2J\x07of\u202e the\r\nday is used up.".encode()
    sentence = closed_with(4_001, reason)
    assert sentence.isprintable()
    assert sentence.endswith('It says: "Quota of the day is used up".')


def test_an_end_without_a_close_frame() -> None:
    async def leave(request: web.Request) -> web.StreamResponse:
        socket = await upgraded(request)
        assert request.transport is not None
        request.transport.close()
        return socket

    with pytest.raises(ServiceClosedError, match="broke off"):
        converse(leave)


def test_a_message_that_the_service_may_send_is_taken_and_a_longer_one_is_named() -> None:
    longest = b"x" * (MOST_MESSAGE_BYTES - 16)

    async def send(request: web.Request) -> web.StreamResponse:
        socket = await upgraded(request)
        await socket.send_bytes(longest)
        await socket.send_bytes(longest + longest[:32])
        return await read_to_the_end(socket)

    async def talk(connection: VoiceLiveConnection) -> None:
        assert await read_message(connection) == longest
        with pytest.raises(ServiceClosedError, match="more than 32 MiB"):
            await read_message(connection)

    converse(send, talk)


def test_pings_are_sent_and_answered_while_the_reader_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Heartbeat, "PING_S", 0.01)

    async def ping(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping(b"older")
        await socket.ping(b"latest")
        pinged = ponged = False
        while not (pinged and ponged):
            await socket.ping(b"latest")
            message = await socket.receive()
            pinged = pinged or message.type is WSMsgType.PING
            ponged = ponged or (message.type is WSMsgType.PONG and message.data == b"latest")
        await socket.send_str("both")
        return await read_to_the_end(socket)

    async def talk(connection: VoiceLiveConnection) -> bytes:
        heartbeat = Heartbeat()
        beating = asyncio.create_task(heartbeat.run(connection, SendGate()))
        message = await next_message(connection, heartbeat.answer, ignore)
        beating.cancel()
        return message

    assert converse(ping, talk) == b"both"


# The set-up


class Identity:
    """A sign-in that gives a token, or none for ever."""

    token: AccessToken | None = None

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        if self.token is None:
            await asyncio.Event().wait()
        assert self.token is not None
        return self.token

    async def close(self) -> None:
        pass


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> type[Identity]:
    """Take the place of azure-identity, which is an extra."""
    module = SimpleNamespace(DefaultAzureCredential=Identity)
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    monkeypatch.setitem(sys.modules, "azure.identity.aio", module)
    return Identity


def sign_in(limit_s: float) -> bytes:
    """Return the first message, received over a connection that Microsoft Entra opened."""
    seen: list[str | None] = []

    async def greet(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return await read_to_the_end(await upgraded(request, "hello"))

    async def run(endpoint: str) -> bytes:
        settings = Settings(endpoint=endpoint, use_api_key=False)
        async with open_connection(settings, SetUp("host", limit_s)) as connection:
            return await read_message(connection)

    with RawService(greet) as service:
        message = asyncio.run(run(service.endpoint))
    assert seen == ["Bearer a-token"]
    return message


def test_a_token_opens_the_connection(
    identity: type[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "token", AccessToken("a-token", 0))
    assert sign_in(60) == b"hello"


@pytest.mark.usefixtures("identity")
def test_a_sign_in_without_end_is_named() -> None:
    with pytest.raises(EndpointError, match=r"Entra gave no token within 0\.1 s"):
        sign_in(0.1)


def test_time_outside_the_set_up_does_not_count() -> None:
    async def run() -> None:
        setup = SetUp("host", 0.2)
        async with setup.limited():
            setup.stage = Stage.SESSION
        await asyncio.sleep(0.3)
        async with setup.limited():
            setup.stage = Stage.SETTINGS
        with pytest.raises(EndpointError, match="host opened a session, but did not accept"):
            async with setup.limited():
                await asyncio.Event().wait()

    asyncio.run(run())


# Refused handshakes


def refused(status: int, headers: Mapping[str, str] | None = None) -> PipelineError:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    with pytest.raises(PipelineError) as raised:
        converse(refuse)
    return raised.value


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_not_a_wrong_endpoint(status: int) -> None:
    error = refused(status, {"Retry-After": "7"})
    assert isinstance(error, BusyError)
    assert error.retry_after_s == 7
    assert "is busy" in str(error)
    assert "check" not in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, RefusedError),
        (408, EndpointError),
        (502, EndpointError),
    ],
)
def test_what_passes_and_what_does_not(status: int, kind: type[PipelineError]) -> None:
    error = refused(status)
    assert type(error) is kind
    assert f"HTTP {status}" in str(error)


NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("0", 0),
        (" 120 ", 120),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0),
        ("", 0),
        ("-5", 0),
        ("soon", 0),
        ("Thu, 26 Nov 2026 12:00:30", 0),
        ("٣", 0),
    ],
)
def test_retry_after(value: str, wait_s: float) -> None:
    assert retry_after_s(value, NOW) == wait_s
