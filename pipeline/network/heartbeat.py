"""Pings in both directions, so that a connection that brings nothing is known to be dead.

aiohttp's own heartbeat judges: after `BEFORE_PING_S` without a byte it pings, and half that time
later it ends the connection. Its ping alone would leave a slow network 1.6 s for the pong, and a
process that was stopped meanwhile would judge before it reads. Pings at a shorter interval keep a
living connection from ever coming that far, because a pong is bytes too.
"""

import asyncio
import time
from contextlib import suppress
from typing import NoReturn

from azure.ai.voicelive.aio import VoiceLiveConnection

from pipeline.network.connection import SendGate, websocket_of
from pipeline.pcm import NS_PER_S

_STAMP_BYTES = 8


def pinged_at_s(pong: bytes) -> float | None:
    """Return when the ping was sent that this pong answers; None if it does not say so."""
    return int.from_bytes(pong) / NS_PER_S if len(pong) == _STAMP_BYTES else None


class Heartbeat:
    """Sends pings, and answers the service's; never by the reader, which must not wait."""

    PING_S = 1.0

    def __init__(self) -> None:
        self._asked: bytes | None = None
        self._due = asyncio.Event()

    def answer(self, ping: bytes) -> None:
        """The service has sent a ping. Only the latest one has to be answered."""
        self._asked = ping
        self._due.set()

    async def run(self, connection: VoiceLiveConnection, gate: SendGate) -> NoReturn:
        """Ping and answer pings until cancelled.

        :raises ServiceClosedError: the connection takes no more.
        """
        websocket, loop = websocket_of(connection), asyncio.get_running_loop()
        ping_s = loop.time() + self.PING_S
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(ping_s):
                    await self._due.wait()
            self._due.clear()
            async with gate.turn():
                asked, self._asked = self._asked, None
                if asked is not None:
                    await websocket.pong(asked)
                if loop.time() >= ping_s:  # however often the service pings
                    await websocket.ping(time.monotonic_ns().to_bytes(_STAMP_BYTES))
                    ping_s = loop.time() + self.PING_S
