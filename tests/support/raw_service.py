"""A service of which each connection is a function of the test: for what happens at its begin."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any, Self

from aiohttp import WSMsgType, web

from pipeline.bench import events
from pipeline.bench.loop_thread import LoopThread
from pipeline.bench.scripted_service import ScriptedService
from pipeline.bench.voice_server import PATH, local_listener

Connection = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def upgraded(request: web.Request, *texts: str) -> web.WebSocketResponse:
    """Accept the handshake and send events."""
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    for text in texts:
        await socket.send_str(text)
    return socket


def created() -> str:
    return events.event("session.created", session={"id": "sess_raw"})


async def wait_event(socket: web.WebSocketResponse, kind: str) -> dict[str, Any]:
    """Read until the client sends an event of this type; return it."""
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            event: dict[str, Any] = message.json()
            if event["type"] == kind:
                return event
    raise ConnectionError("the client has left")


async def begin_session(request: web.Request) -> web.WebSocketResponse:
    """Set a session up, to its end."""
    socket = await upgraded(request, created())
    update = await wait_event(socket, "session.update")
    await socket.send_str(events.event("session.updated", session=update["session"]))
    return socket


async def read_to_the_end(socket: web.WebSocketResponse) -> web.WebSocketResponse:
    async for _ in socket:
        pass
    return socket


class RawService:
    """Serves connection *n* with function *n*, and all later ones with the last.

    :ivar connections: connections so far.
    """

    KEY = ScriptedService.KEY

    def __init__(self, *connections: Connection) -> None:
        self._functions = connections
        self._loop = LoopThread()
        self.connections = 0

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        number = min(self.connections, len(self._functions) - 1)
        self.connections += 1
        return await self._functions[number](request)

    def __enter__(self) -> Self:
        self._opened = ExitStack()
        listener, self.endpoint = self._opened.enter_context(local_listener())
        app = web.Application()
        app.router.add_get(PATH, self._accept)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        self._loop.__enter__()
        self._loop.call(self._runner.setup())
        self._loop.call(web.SockSite(self._runner, listener).start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call(self._runner.cleanup())
        self._loop.__exit__(*exc)
        self._opened.close()
