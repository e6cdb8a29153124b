"""The server side of Voice Live connections, for services that follow a script.

Real HTTP, real WebSocket, real event shapes (`pipeline.bench.events`); the script decides what is
sent, and when.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import WSMsgType, web

from pipeline.bench import events
from pipeline.ipc.child import SupervisorLink

PATH = "/voice-live/realtime"
SHUTDOWN_S = 0.2
"""How long a script may go on after the server was told to stop."""


class ClientConnection:
    """One client, after the handshake.

    :ivar accepts: whether a `session.update` is answered.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.request = request
        self.socket = socket
        self.accepts = True

    @property
    def transport(self) -> asyncio.Transport:
        """The TCP connection, as long as it is open."""
        transport = self.request.transport
        if transport is None:
            raise ConnectionError("the client has left")
        return transport

    def stop_reading(self) -> None:
        """Leave in the socket what the client sends, until `resume_reading`."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    async def send(self, *texts: str) -> None:
        """Write events, each as JSON, in order."""
        for text in texts:
            await self.socket.send_str(text)

    async def received(self) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        """Yield each event with its arrival, ``time.monotonic_ns``, until the client leaves.

        A `session.update` has been answered before it is yielded, if this connection `accepts`.
        """
        async for message in self.socket:
            arrived_ns = time.monotonic_ns()
            if message.type != WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            if event["type"] == "session.update" and self.accepts:
                await self.send(events.event("session.updated", session=event["session"]))
            yield arrived_ns, event


Converse = Callable[[ClientConnection], Awaitable[None]]
"""Talks with one client, to which `session.created` has been sent, until the client leaves."""


@contextmanager
def local_listener(*, narrow: bool = False) -> Iterator[tuple[socket.socket, str]]:
    """Open a free port of 127.0.0.1; yield the listening socket and the endpoint for clients.

    :param narrow: let the system buffer about 50 kB of what a client sends instead of megabytes,
        so that the client soon notices that it is not read.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if narrow:  # the sockets of the connections inherit both
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_MAXSEG", 2), 536)
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(
    listener: socket.socket,
    key: str,
    converse: Converse,
    refusal: Callable[[], web.HTTPException | None] = lambda: None,
) -> AsyncIterator[None]:
    """Accept clients as long as the context lasts, and run `converse` for each of them.

    :param key: what a client must send as its ``api-key``; HTTP 401 otherwise.
    :param refusal: what a client gets instead of a session.
    """

    async def accept(request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("api-key") != key:
            raise web.HTTPUnauthorized
        if refused := refusal():
            raise refused
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        connection = ClientConnection(request, socket)
        await connection.send(events.event("session.created", session={"id": "sess_scripted"}))
        await converse(connection)
        return socket

    app = web.Application()
    app.router.add_get(PATH, accept)
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


async def serve_until_stopped(
    link: SupervisorLink, listener: socket.socket, key: str, converse: Converse
) -> None:
    """Serve in a process of its own, until the supervisor stops it."""
    async with serving(listener, key, converse):
        await asyncio.to_thread(link.stop_requested, None)
