"""One client's connection: a socket, a session and the queues between them."""

import asyncio
import json
import os
import socket
import struct
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from pipeline.emulator.server.delayed_queue import DelayedQueue
from pipeline.emulator.server.fault_injection import injected_error, uplink
from pipeline.emulator.server.faults import Faults
from pipeline.emulator.server.outbox import Outbox
from pipeline.emulator.session.session import Session
from pipeline.emulator.wire.events import ClientError, Event, error_event

_MOST_UNHANDLED = 64
_CLOSING_S = 2.0
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Value of SO_LINGER that makes closing discard unsent bytes and reset the connection."""


class Connection:
    """Passes messages of the client to `session`, and messages of `outbox` to the client."""

    def __init__(
        self,
        client: web.WebSocketResponse,
        transport: asyncio.BaseTransport | None,
        session: Session,
        outbox: Outbox,
        faults: Faults,
    ) -> None:
        self._client = client
        self._transport = transport
        self._session = session
        self._inbox = DelayedQueue[str | bytes](uplink(faults))
        self._outbox = outbox
        self._faults = faults

    async def converse(self) -> None:
        """Serve the client until it leaves or its time is over."""
        self._session.open()
        work = (self._read(), self._handle(), self._send(), self._inject_errors())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self._longest_s(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._session.close()
        if not done:
            await self._end()
        for task in done:
            task.result()

    async def _read(self) -> None:
        async for message in self._client:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._inbox.put(message.data)
                await self._inbox.wait_for_room(_MOST_UNHANDLED)

    async def _handle(self) -> None:
        while True:
            await self._session.receive(await self._inbox.get())
            await asyncio.sleep(0)  # let the other clients have their turn

    async def _send(self) -> None:
        with suppress(ConnectionError):  # the client has left
            while True:
                await self._client.send_str(await self._outbox.get())

    async def _inject_errors(self) -> None:
        every_s = self._faults.error_every_s
        if every_s is None:
            await asyncio.Event().wait()
        while every_s is not None:
            await asyncio.sleep(every_s)
            self._outbox.put(injected_error())

    def _longest_s(self) -> float:
        drop_after_s = self._faults.drop_after_s
        limit_s = self._faults.session_limit_s
        return limit_s if drop_after_s is None else min(drop_after_s, limit_s)

    async def _end(self) -> None:
        """End a connection whose time is over: by `drop`, or by `expire` at the session's limit."""
        how = "expire"
        drop_after_s = self._faults.drop_after_s
        if drop_after_s is not None and drop_after_s <= self._faults.session_limit_s:
            how = self._faults.drop
        if how == "abort":
            self._abort()
            return
        with suppress(ConnectionError, TimeoutError):  # the client has left or does not read
            async with asyncio.timeout(_CLOSING_S):
                if how == "expire":
                    await self._client.send_str(json.dumps(_expired()))
                    await self._client.close(code=WSCloseCode.GOING_AWAY)
                else:
                    await self._client.close(code=WSCloseCode.OK)

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.Transport):
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET
            )
            self._transport.abort()


def _expired() -> Event:
    message = "The session has reached its longest duration and is over."
    return error_event(ClientError("session_expired", message))
