"""One client's connection: a socket, a session and the queues between them."""

import asyncio
import json
import logging
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto

from aiohttp import WSCloseCode, WSMsgType, web

from pipeline.emulator.server.delayed_queue import DelayedQueue
from pipeline.emulator.server.fault_injection import injected_error, uplink
from pipeline.emulator.server.faults import Faults
from pipeline.emulator.server.liveness import LIMITS, Limits, Liveness
from pipeline.emulator.server.outbox import Outbox
from pipeline.emulator.session.session import Session
from pipeline.emulator.wire.events import ClientError, Event, error_event

_MOST_UNHANDLED = 64
_CLOSING_S = 2.0
_PING_S = 1.0
"""Longest time for a ping to be written; the client may be holding up the socket."""
_SEND_BUFFER_BYTES = 256 * 1024
"""Small, so that a client that takes nothing holds up the sender soon and is seen to be dead."""
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Value of SO_LINGER that makes closing discard unsent bytes and reset the connection."""

_log = logging.getLogger(__name__)


class _Verdict(Enum):
    """Why a client is ended although its time is not over."""

    SAYS_NOTHING = auto()
    DEAD = auto()


class Connection:
    """Passes messages of the client to `session`, and messages of `outbox` to the client."""

    def __init__(
        self,
        client: web.WebSocketResponse,
        transport: asyncio.BaseTransport | None,
        session: Session,
        outbox: Outbox,
        *,
        faults: Faults,
        limits: Limits = LIMITS,
    ) -> None:
        self._client = client
        self._transport = transport
        self._session = session
        self._limits = limits
        self._liveness = Liveness(limits)
        self._reads = True
        self._given_bytes = 0
        self._opened = asyncio.Event()
        self._has_event = False
        self._inbox = DelayedQueue[str | bytes](uplink(faults))
        self._outbox = outbox
        self._faults = faults

    async def converse(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Serve the client until it leaves, or is ended because its time is over or it is silent.

        :param ready: awaited before the session begins.
        """
        self._limit_send_buffer()
        watch = asyncio.create_task(self._watch())
        work = (self._read(), self._handle(ready), self._send(), self._inject_errors())
        tasks = [watch, *(asyncio.create_task(each) for each in work)]
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
        if watch in done:
            await self._end_silent(watch.result())

    async def _read(self) -> None:
        async for message in self._client:
            self._liveness.note_sign()
            if message.type is WSMsgType.PING:
                await self._client.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._has_event = True
                self._inbox.put(message.data)
                self._reads = False
                await self._inbox.wait_for_room(_MOST_UNHANDLED)
                self._reads = True
                self._liveness.note_sign()  # what has arrived meanwhile is only read now

    async def _handle(self, ready: Callable[[], Awaitable[None]]) -> None:
        await ready()
        self._session.open()
        self._opened.set()
        while True:
            await self._session.receive(await self._inbox.get())
            await asyncio.sleep(0)  # let the other clients have their turn

    async def _send(self) -> None:
        with suppress(ConnectionError):  # the client has left
            while True:
                message = await self._outbox.get()
                self._given_bytes += len(message)
                await self._client.send_str(message)

    async def _inject_errors(self) -> None:
        every_s = self._faults.error_every_s
        await self._opened.wait()
        if every_s is None:
            await asyncio.Event().wait()
        while every_s is not None:
            await asyncio.sleep(every_s)
            self._outbox.put(injected_error())

    async def _watch(self) -> _Verdict:
        """Ping the client while it is silent; return when it has been silent for too long."""
        limits = self._limits
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(limits.check_s)
            silent_s = self._liveness.silent_s(
                reads=self._reads,
                given_bytes=self._given_bytes,
                unsent_bytes=self._unsent_bytes(),
            )
            if silent_s > limits.dead_s or self._is_lost():
                return _Verdict.DEAD
            if not self._has_event and time.monotonic() - began_s > limits.first_event_s:
                return _Verdict.SAYS_NOTHING
            if silent_s > limits.ping_s:
                await self._ping()

    async def _ping(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_PING_S):
                await self._client.ping()

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
        elif how == "expire":
            await self._close(WSCloseCode.GOING_AWAY, last=_expired())
        else:
            await self._close(WSCloseCode.OK)

    async def _end_silent(self, verdict: _Verdict) -> None:
        if verdict is _Verdict.DEAD:
            _log.info("a client is gone: no sign of life for %g s", self._limits.dead_s)
            self._abort()  # an ordinary end would wait until the client takes what is unsent
            return
        reason = f"No event within {self._limits.first_event_s:g} s of the handshake."
        _log.info("a client is ended: %s", reason)
        await self._close(WSCloseCode.POLICY_VIOLATION, reason)

    async def _close(
        self, code: WSCloseCode, reason: str = "", *, last: Event | None = None
    ) -> None:
        """Close with a handshake; abort if the client does not take part in time."""
        try:
            async with asyncio.timeout(_CLOSING_S):
                if last is not None:
                    await self._client.send_str(json.dumps(last))
                await self._client.close(code=code, message=reason.encode())
        except ConnectionError:  # the client has left
            pass
        except TimeoutError:
            self._abort()

    def _is_lost(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _unsent_bytes(self) -> int:
        """Return the bytes that wait because the socket takes no more."""
        if not isinstance(self._transport, asyncio.WriteTransport) or self._is_lost():
            return 0
        return self._transport.get_write_buffer_size()

    def _limit_send_buffer(self) -> None:
        if self._transport is not None and not self._is_lost():
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES
            )

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.Transport):
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET
            )
            self._transport.abort()


def _expired() -> Event:
    message = "The session has reached its longest duration and is over."
    return error_event(ClientError("session_expired", message))
