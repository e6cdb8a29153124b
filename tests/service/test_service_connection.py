"""Who may connect, and how the service begins and ends."""

import asyncio
import socket
from collections.abc import Mapping

import aiohttp
import pytest
from azure.ai.voicelive.aio import connect
from azure.core.credentials import AzureKeyCredential

from pipeline.errors import MissingPackageError, PortInUseError
from pipeline.offline import packages, recogniser
from pipeline.offline.service import OfflineService
from tests.service.client import KEY, TRANSCRIBED, Client, client_of, sample_sentences


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
        ({"Authorization": "Bearer other"}, {}, 401),
    ],
)
def test_the_key_opens(
    port: int, headers: dict[str, str], query: dict[str, str], expected: int
) -> None:
    assert asyncio.run(status(port, headers, query)) == expected


def test_the_path_may_have_a_prefix(port: int) -> None:
    assert asyncio.run(status(port, {"api-key": KEY}, {}, before="/some/where")) == 101


def test_the_sdk_is_told_of_a_wrong_key(port: int) -> None:
    async def knock() -> None:
        async with connect(
            endpoint=f"http://127.0.0.1:{port}", credential=AzureKeyCredential("x"), model="m"
        ):
            pass

    with pytest.raises(Exception, match="401") as refused:
        asyncio.run(knock())
    assert "ConnectionError" in type(refused.value).__name__


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def start() -> None:
            await OfflineService("k", port=port).start()

        with pytest.raises(PortInUseError, match=str(port)):
            asyncio.run(start())


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "NEEDED", ("no_such_package",))
    with pytest.raises(MissingPackageError, match=r"no_such_package.*voice-pipeline\[offline\]"):
        OfflineService("k")


def test_clients_are_told_that_the_service_goes_away() -> None:
    """Also while the models are still loading."""

    async def stop() -> None:
        service = OfflineService(KEY)
        port = await service.start()
        url = f"http://127.0.0.1:{port}/voice-live/realtime"
        async with (
            aiohttp.ClientSession(headers={"api-key": KEY}) as session,
            session.ws_connect(url) as connection,
        ):
            stopping = asyncio.create_task(service.stop())
            while not connection.closed:
                await connection.receive()
            assert connection.close_code == aiohttp.WSCloseCode.GOING_AWAY
            await stopping
        with socket.create_server(("127.0.0.1", port)):  # the port is free again
            pass

    asyncio.run(stop())


def test_without_a_recogniser_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser, "is_available", lambda: False)

    async def ask() -> Client:
        service = OfflineService(KEY)
        port = await service.start()
        try:
            async with client_of(port, input_audio_transcription=TRANSCRIBED) as client:
                await client.say(sample_sentences()[0])
                await client.until("response.done")
                return client
        finally:
            await service.stop()

    client = asyncio.run(ask())
    answer = client.of("response.audio_transcript.done")[0]["transcript"]
    assert "recognition of words is not available here" in answer
    failed = client.of("conversation.item.input_audio_transcription.failed")[0]
    assert failed["error"]["code"] == "recognition_unavailable"
