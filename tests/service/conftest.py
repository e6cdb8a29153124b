"""One service for all tests, so that the models load once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from pipeline.bench.loop_thread import LoopThread
from pipeline.emulator.server.access import Access
from pipeline.emulator.server.service import EmulatorService
from pipeline.emulator.speech import engine
from pipeline.emulator.speech.engine import RecognitionUnavailableError
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.emulator.speech.synthesiser import Synthesiser
from tests.service.client import KEY, Client
from tests.service.conversations import CONVERSATIONS, UNINTELLIGIBLE, held

LOADING_S = 90.0

T = TypeVar("T")

Start = Callable[..., AbstractAsyncContextManager[URL]]
"""Starts a service with an `Access` and the options of `EmulatorService`."""


class Running(NamedTuple):
    port: int
    service: EmulatorService
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    """Runs something in the service's event loop."""


@settings(max_examples=1, database=None)
@given(st.none())
def _prepare_hypothesis(_: None) -> None:
    """Let Hypothesis set up its random numbers before the service freezes all objects.

    It warns about random numbers without an owner, and a frozen object does not count as one.
    """


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    _prepare_hypothesis()
    service = EmulatorService(Access(KEY))
    with LoopThread() as loop:
        run = partial(loop.call, longest_s=LOADING_S)
        endpoint = URL(run(service.start()))
        run(service.loaded())
        yield Running(endpoint.port or 0, service, run)
        run(service.stop())


@pytest.fixture(scope="session")
def port(running: Running) -> int:
    return running.port


@pytest.fixture(scope="session")
def voice(running: Running) -> Synthesiser:
    return running.service._engine._voice.result()


@pytest.fixture(scope="session")
def recogniser(running: Running) -> Recogniser:
    model = running.service._engine._recogniser.result()
    if model is None:
        pytest.skip("no recogniser exists for this machine")
    return model


@pytest.fixture(scope="session")
def conversations(
    running: Running,
    recogniser: Recogniser,  # noqa: ARG001 - they need words
) -> dict[str, Client]:
    """One conversation of each kind by name, held one after another."""
    told = {name: asyncio.run(held(running.port, each)) for name, each in CONVERSATIONS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.service._engine, "transcribe", cannot_recognise)
        told["unintelligible"] = asyncio.run(held(running.port, UNINTELLIGIBLE))
    return told


async def cannot_recognise(_: object) -> str:
    raise RecognitionUnavailableError


@pytest.fixture
def loaded_models(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other services have the models of the first: loading them takes 6 s of a processor.

    It would go on when the service has stopped, beside the tests that follow.
    """
    models = running.service._engine
    monkeypatch.setattr(engine, "DetectorModel", models._detector.result)
    monkeypatch.setattr(engine, "Synthesiser", models._voice.result)
    monkeypatch.setattr(engine, "Recogniser", lambda _: models._recogniser.result())


@pytest.fixture
def empty_service(loaded_models: None) -> Start:  # noqa: ARG001 - its services load them
    """Start another service without waiting for its models; yield its endpoint."""

    @asynccontextmanager
    async def start(access: Access, **options: Any) -> AsyncIterator[URL]:
        service = EmulatorService(access, **options)
        service._LOADING_S = 0.0
        try:
            yield URL(await service.start())
        finally:
            await service.stop()

    return start
