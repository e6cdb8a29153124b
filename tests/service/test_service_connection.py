"""Who may connect, and how the service starts and stops."""

import asyncio
import base64
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import aiohttp
import pytest
from azure.ai.voicelive.aio import connect
from azure.core.credentials import AccessToken, AzureKeyCredential
from yarl import URL

from pipeline.emulator.server.access import Access
from pipeline.emulator.server.service import EmulatorService
from pipeline.emulator.speech import engine, packages, recogniser
from pipeline.errors import MissingPackageError, PortInUseError, SettingsError
from tests.service.client import GENEROUS_S, KEY, TRANSCRIBED, Client, client_of, sample_sentences
from tests.service.conftest import Start


async def status(
    port: int, headers: Mapping[str, str], query: Mapping[str, str], before: str = ""
) -> int:
    url = f"http://127.0.0.1:{port}{before}/voice-live/realtime"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url, headers=headers, params=query):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({"api-key": KEY}, {}, 101),
        ({}, {"api-key": KEY}, 101),
        ({"Authorization": f"Bearer {KEY}"}, {}, 101),
        ({}, {}, 401),
        ({"api-key": ""}, {}, 401),
        ({"api-key": KEY + "x"}, {}, 401),
        ({"Authorization": f"bearer  {KEY}"}, {}, 101),
        ({"Authorization": "Bearer other"}, {}, 401),
        ({"Authorization": f"Basic {KEY}"}, {}, 401),
        ({"Authorization": KEY}, {}, 401),
        ({"Authorization": "Bearer "}, {}, 401),
    ],
)
def test_the_key_admits_a_client(
    port: int, headers: dict[str, str], query: dict[str, str], expected: int
) -> None:
    assert asyncio.run(status(port, headers, query)) == expected


def test_the_path_may_have_a_prefix(port: int) -> None:
    assert asyncio.run(status(port, {"api-key": KEY}, {}, before="/some/where")) == 101


def test_the_sdk_reports_a_wrong_key(port: int) -> None:
    async def knock() -> None:
        async with connect(
            endpoint=f"http://127.0.0.1:{port}", credential=AzureKeyCredential("x"), model="m"
        ):
            pass

    with pytest.raises(Exception, match="401") as refused:
        asyncio.run(knock())
    assert "ConnectionError" in type(refused.value).__name__


def test_a_refusal_is_json(port: int) -> None:
    async def knock() -> tuple[int, dict[str, object]]:
        url = f"http://127.0.0.1:{port}/voice-live/realtime"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.json()

    refused = {"error": {"code": "401", "message": "The key is wrong or missing."}}
    assert asyncio.run(knock()) == (401, refused)


def test_an_impossible_fault_is_refused(port: int) -> None:
    async def ask() -> tuple[int, dict[str, object]]:
        url = URL(f"http://127.0.0.1:{port}/voice-live/realtime").with_query({"drop": "softly"})
        headers = {"api-key": KEY}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(url) as response,
        ):
            return response.status, await response.json()

    code, body = asyncio.run(ask())
    assert code == 400
    message = "drop is 'softly', expected one of close, expire, abort."
    assert body == {"error": {"code": "400", "message": message}}


def test_the_subprotocol_realtime_is_granted(port: int) -> None:
    async def connect_with_it() -> str | None:
        url = f"http://127.0.0.1:{port}/voice-live/realtime"
        async with (
            aiohttp.ClientSession(headers={"api-key": KEY}) as session,
            session.ws_connect(url, protocols=("realtime", "other")) as connection,
        ):
            return connection.protocol

    assert asyncio.run(connect_with_it()) == "realtime"


class AnySignIn:
    """The part of an Entra credential that the SDK needs."""

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken("a token from elsewhere", 2**31)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def test_an_agent_with_any_token_where_allowed(empty_service: Start) -> None:
    async def sign_in() -> None:
        async with empty_service(Access(KEY, accept_any_token=True)) as endpoint:
            async with connect(
                endpoint=str(endpoint),
                credential=AnySignIn(),
                agent_name="a",
                project_name="p",
                conversation_id="c",
            ) as connection:
                created = await connection.recv()
                assert created["type"] == "session.created"
            port = endpoint.port or 0
            assert await status(port, {"Authorization": "Bearer x"}, {}) == 101
            assert await status(port, {"Authorization": "Bearer"}, {}) == 401
            assert await status(port, {"api-key": "x"}, {}) == 401
            assert await status(port, {"api-key": KEY}, {}) == 101

    asyncio.run(sign_in())


def test_a_client_beyond_the_capacity_is_refused(empty_service: Start) -> None:
    """The place is free again when a client leaves."""

    async def crowd() -> None:
        async with (
            empty_service(Access(KEY), most_clients=2) as endpoint,
            aiohttp.ClientSession(headers={"api-key": KEY}) as session,
        ):
            url = endpoint / "voice-live/realtime"
            async with session.ws_connect(url), session.ws_connect(url) as second:
                async with session.get(url) as third:
                    assert third.status == 503
                    assert int(third.headers["Retry-After"]) > 0
                    assert "2 places are taken" in (await third.json())["error"]["message"]
                await second.close()
                while await status(endpoint.port or 0, {"api-key": KEY}, {}) != 101:  # noqa: ASYNC110 - as clients do
                    await asyncio.sleep(0.01)

    asyncio.run(crowd())


@pytest.mark.parametrize("host", ["::1", "::", "0.0.0.0", "localhost"])  # noqa: S104 - for a moment
def test_every_kind_of_host(empty_service: Start, host: str) -> None:
    """The endpoint that is printed can be used on this machine."""

    async def talk_there() -> None:
        async with (
            empty_service(Access(KEY), host=host) as endpoint,
            connect(
                endpoint=str(endpoint), credential=AzureKeyCredential(KEY), model="m"
            ) as connection,
        ):
            assert (await connection.recv())["type"] == "session.created"

    try:
        asyncio.run(talk_there())
    except (PortInUseError, SettingsError):
        assert ":" in host, "every machine has IPv4"
        pytest.skip("this machine has no IPv6")


def test_an_unknown_host_is_refused(empty_service: Start) -> None:
    async def start() -> None:
        async with empty_service(Access(KEY), host="no.such.host.invalid"):
            pass

    with pytest.raises(SettingsError, match=r"no\.such\.host\.invalid"):
        asyncio.run(start())


def test_a_client_that_does_not_read_does_not_delay_others(port: int) -> None:
    """It is not read either; when it disconnects, its place is free again."""

    async def talk_beside_it() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        key = base64.b64encode(bytes(16)).decode()
        writer.write(
            f"GET /voice-live/realtime HTTP/1.1\r\nHost: h\r\napi-key: {KEY}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        text = b'{"type": "session.update", "session": {}}'
        frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while True:  # until the service stops reading
                    writer.write(frame * 100)
                    await writer.drain()
        async with client_of(port, modalities=["text"], turn_detection=None) as client:
            await client.send("response.create")
            done = await client.until("response.done")
        assert done["response"]["status"] == "completed"
        writer.transport.abort()
        del reader

    asyncio.run(talk_beside_it())


def test_a_port_in_use_raises_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def start() -> None:
            await EmulatorService(Access("k"), port=port).start()

        with pytest.raises(PortInUseError, match=str(port)):
            asyncio.run(start())


def test_a_missing_package_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "NEEDED", ("no_such_package",))
    with pytest.raises(MissingPackageError, match=r"no_such_package.*make setup"):
        EmulatorService(Access("k"))


def test_clients_get_a_closing_handshake_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the models are still loading."""
    stopped = threading.Event()

    def load() -> None:
        stopped.wait(GENEROUS_S)

    async def stop() -> None:
        service = EmulatorService(Access(KEY))
        endpoint = URL(await service.start())
        url = endpoint / "voice-live/realtime"
        async with (
            aiohttp.ClientSession(headers={"api-key": KEY}) as session,
            session.ws_connect(url) as connection,
        ):
            stopping = asyncio.create_task(service.stop())
            while not connection.closed:
                await connection.receive()
            assert connection.close_code == aiohttp.WSCloseCode.GOING_AWAY
            await stopping
        with socket.create_server(("127.0.0.1", endpoint.port or 0)):  # the port is free again
            pass

    for model in ("DetectorModel", "Synthesiser"):
        monkeypatch.setattr(engine, model, load)
    try:
        asyncio.run(stop())
    finally:
        stopped.set()


@pytest.mark.usefixtures("loaded_models")
def test_without_a_recogniser_the_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser, "is_available", lambda: False)

    async def ask() -> Client:
        service = EmulatorService(Access(KEY))
        port = URL(await service.start()).port or 0
        try:
            async with client_of(port, input_audio_transcription=TRANSCRIBED) as client:
                await client.say(sample_sentences()[0])
                await client.until("response.done")
                return client
        finally:
            await service.stop()

    client = asyncio.run(ask())
    answer = client.of("response.audio_transcript.done")[0]["transcript"]
    assert "I cannot recognise words" in answer
    failed = client.of("conversation.item.input_audio_transcription.failed")[0]
    assert failed["error"]["code"] == "recognition_unavailable"
