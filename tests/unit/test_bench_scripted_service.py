"""The service that follows a script."""

import asyncio
import gc
import threading

import aiohttp
import pytest

from pipeline.bench.scripted_service import ScriptedService, ScriptedSession
from pipeline.bench.voice_server import PATH


def test_a_script_ends_with_the_service_although_the_client_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def stall(session: ScriptedSession) -> None:
        session.stop_reading()
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def stay() -> None:
        async with aiohttp.ClientSession(headers={"api-key": ScriptedService.KEY}) as session:
            with ScriptedService(stall) as service:
                await session.ws_connect(f"{service.endpoint}{PATH}")
                await asyncio.to_thread(begun.wait, 60)
            assert cancelled.is_set()

    asyncio.run(stay())
    gc.collect()
    assert not caplog.records, "no task is left behind"
