"""The Voice Live service of this machine: a WebSocket server on the loopback interface."""

import asyncio
import hmac
import logging
import socket
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from pipeline.errors import PortInUseError
from pipeline.offline.engine import Engine
from pipeline.offline.outbox import Outbox
from pipeline.offline.replier import Replier
from pipeline.offline.session import Session

_PATH = r"/{before:(.*/)?}voice-live/realtime"
_MOST_MESSAGE_BYTES = 21 * 1024 * 1024
"""15 MiB of audio in base64, and the event around it."""

_log = logging.getLogger(__name__)


class OfflineService:
    """Accepts clients that know `key`, as soon as it has started; the models load meanwhile."""

    _LOADING_S = 6.0
    _GOODBYE_S = 0.2

    def __init__(
        self,
        key: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        listener: socket.socket | None = None,
    ) -> None:
        """Take the address, or a socket that listens already; port 0 means any free one.

        Raises `MissingPackageError` if the models are not installed.
        """
        self._key = key.encode()
        self._address = host, port
        self._listener = listener
        self._engine = Engine()
        self._runner: web.AppRunner | None = None
        self._connections: set[web.WebSocketResponse] = set()

    async def start(self) -> int:
        """Accept clients, begin to load; return the port. Raises `PortInUseError`."""
        if self._listener is None:
            self._listener = _listen(*self._address)
        app = web.Application()
        app.router.add_get(_PATH, self._serve)
        self._runner = web.AppRunner(
            app, handle_signals=False, access_log=None, shutdown_timeout=self._GOODBYE_S
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()
        self._engine.start()
        return int(self._listener.getsockname()[1])

    async def loaded(self) -> None:
        """Wait until every model is loaded."""
        await self._engine.loaded()

    async def stop(self) -> None:
        """Say goodbye to all clients and free the port; work under way is abandoned."""
        if self._runner is None:
            return
        goodbyes = [
            connection.close(code=WSCloseCode.GOING_AWAY) for connection in self._connections
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._GOODBYE_S):
                await asyncio.gather(*goodbyes, return_exceptions=True)
        await self._runner.cleanup()
        self._engine.stop()
        self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not self._knows_key(request):
            return web.json_response(
                {"error": {"code": "401", "message": "The key is wrong or missing."}}, status=401
            )
        connection = web.WebSocketResponse(max_msg_size=_MOST_MESSAGE_BYTES, compress=False)
        await connection.prepare(request)
        self._connections.add(connection)
        try:
            await self._converse(connection, request.query.get("model", ""))
        finally:
            self._connections.discard(connection)
        return connection

    async def _converse(self, connection: web.WebSocketResponse, model: str) -> None:
        outbox = Outbox()
        session = Session(self._engine, model, Replier(), outbox)
        await self._wait_until_loaded()
        session.open()
        sending = asyncio.create_task(_send(connection, outbox))
        try:
            async for message in connection:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await session.receive(message.data)
        finally:
            await session.close()
            sending.cancel()
            await asyncio.wait({sending})

    async def _wait_until_loaded(self) -> None:
        """Promise a session when it can answer. A machine too slow for that lets turns wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._LOADING_S):
                await self._engine.settled()

    def _knows_key(self, request: web.Request) -> bool:
        offered = (
            request.headers.get("api-key"),
            request.query.get("api-key"),
            request.headers.get("Authorization", "").removeprefix("Bearer "),
        )
        return any(hmac.compare_digest((key or "").encode(), self._key) for key in offered)


async def _send(connection: web.WebSocketResponse, outbox: Outbox) -> None:
    with suppress(ConnectionError):  # the client has gone: the receiving side knows
        while True:
            await connection.send_str(await outbox.get())


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise PortInUseError(
            f"Port {port} of {host} cannot be used ({error.strerror}): "
            "stop the program that uses it, or choose another with --port."
        ) from error
