"""A Voice Live service that follows a script: for what a real one would not do on demand.

Real socket, real WebSocket, real event shapes; only what is said and when is the test's.
"""

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self, TypeVar

from aiohttp import WSMsgType, web


class ScriptedSession:
    """One client's connection, as the script sees it."""

    def __init__(self, request: web.Request, connection: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = connection
        self.received: list[dict[str, Any]] = []
        self.heard = bytearray()
        self.arrivals: list[tuple[int, int]] = []
        """``time.monotonic_ns`` of each append, and the bytes in `heard` after it."""
        self.changed = asyncio.Condition()

    async def send(self, type: str, **fields: Any) -> None:  # noqa: A002 - the protocol's name
        await self._socket.send_str(json.dumps({"type": type, "event_id": "event_1", **fields}))

    async def send_raw(self, frame: str | bytes) -> None:
        """A WebSocket frame that need not be an event."""
        await (self._socket.send_str if isinstance(frame, str) else self._socket.send_bytes)(frame)

    async def close(self, code: int = 1_000) -> None:
        """Leave as a service does: with a close frame."""
        await self._socket.close(code=code, message=b"a reason")

    def abort(self) -> None:
        """Leave without a word: the TCP connection is reset."""
        self._transport.abort()

    def stop_reading(self) -> None:
        """Leave in the socket what the client sends, until `resume_reading`."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    @property
    def client_port(self) -> int:
        port: int = self._transport.get_extra_info("peername")[1]
        return port

    @property
    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        assert transport is not None
        return transport

    async def wait_for(self, condition: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait until something received makes `condition` true."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(condition)

    def count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.received)

    async def start_answer(self, response: str) -> None:
        await self.send("response.created", response={"id": response, "status": "in_progress"})

    async def say(self, response: str, item: str, pcm: bytes) -> None:
        await self.send(
            "response.audio.delta",
            response_id=response,
            item_id=item,
            output_index=0,
            content_index=0,
            delta=base64.b64encode(pcm).decode(),
        )

    async def end_answer(
        self, response: str, item: str, status: str = "completed", **details: Any
    ) -> None:
        await self.send(
            "response.audio.done",
            response_id=response,
            item_id=item,
            output_index=0,
            content_index=0,
        )
        await self.send(
            "response.done",
            response={"id": response, "status": status, "status_details": details or None},
        )

    async def speech_started(self) -> int:
        """Returns the ``time.monotonic_ns`` at which it was sent."""
        sent_at_ns = time.monotonic_ns()
        await self.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="user")
        return sent_at_ns

    async def speech_stopped(self) -> None:
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id="user")

    async def read(self) -> None:
        """Take the client's events until it leaves."""
        async for message in self._socket:
            arrived_at_ns = time.monotonic_ns()
            if message.type != WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            async with self.changed:
                if event["type"] == "input_audio_buffer.append":
                    self.heard += base64.b64decode(event["audio"])
                    self.arrivals.append((arrived_at_ns, len(self.heard)))
                else:
                    self.received.append(event)
                self.changed.notify_all()
            if event["type"] == "session.update":
                await self.send("session.updated", session=event["session"])


Script = Callable[[ScriptedSession], Awaitable[None]]

T = TypeVar("T")


async def no_script(_session: ScriptedSession) -> None:
    """For tests that steer the session themselves, through `ScriptedService.call`."""


class ScriptedService:
    """Runs `script` for every client, on a free port of 127.0.0.1, in a thread of its own.

    :param narrow: let the system buffer about 50 kB for the service instead of megabytes, so that
        a client soon notices that the service does not read.
    """

    KEY = "a-key-for-tests"

    def __init__(self, script: Script = no_script, *, narrow: bool = False) -> None:
        self._script = script
        self._narrow = narrow
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.sessions: list[ScriptedSession] = []
        self.failures: list[BaseException] = []
        self.away = False
        """Whether clients are refused with HTTP 503."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self.failures and exc[0] is None:
            raise self.failures[0]

    def call(self, step: Coroutine[Any, Any, T]) -> T:
        """Run `step` where the sessions live, and wait for its end."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(60)

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_get("/voice-live/realtime", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        if self._narrow:  # the sockets of the connections inherit both
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        await web.SockSite(self._runner, listener).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("api-key") != self.KEY:
            raise web.HTTPUnauthorized
        if self.away:
            raise web.HTTPServiceUnavailable
        connection = web.WebSocketResponse(max_msg_size=0)
        await connection.prepare(request)
        session = ScriptedSession(request, connection)
        self.sessions.append(session)
        await session.send("session.created", session={"id": "sess_test"})
        script = asyncio.ensure_future(self._script(session))
        script.add_done_callback(self._note_failure)
        await session.read()
        script.cancel()
        return connection

    def _note_failure(self, script: asyncio.Future[None]) -> None:
        if script.cancelled():
            return
        failure = script.exception()
        if failure is not None and not isinstance(failure, ConnectionError):  # the client has left
            self.failures.append(failure)
