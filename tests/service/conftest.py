"""One service for all tests, so that the models load once."""

import asyncio
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pipeline.offline.recogniser import Recogniser
from pipeline.offline.service import OfflineService
from pipeline.offline.voice import Voice
from tests.service.client import KEY

LOADING_S = 90.0


class Running(NamedTuple):
    port: int
    service: OfflineService


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    service = OfflineService(KEY)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = asyncio.run_coroutine_threadsafe(service.start(), loop).result(LOADING_S)
        asyncio.run_coroutine_threadsafe(service.loaded(), loop).result(LOADING_S)
        yield Running(port, service)
        asyncio.run_coroutine_threadsafe(service.stop(), loop).result(LOADING_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def port(running: Running) -> int:
    return running.port


@pytest.fixture(scope="session")
def voice(running: Running) -> Voice:
    return running.service._engine._voice.result()


@pytest.fixture(scope="session")
def recogniser(running: Running) -> Recogniser:
    model = running.service._engine._recogniser.result()
    if model is None:
        pytest.skip("there is no recogniser for this machine")
    return model
