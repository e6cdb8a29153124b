"""The built-in Voice Live service: a WebSocket server for any client of the real service."""

import asyncio
import itertools
import logging
import os
import socket
from contextlib import suppress

from aiohttp import WSCloseCode, web

from pipeline.emulator.replies.rule_replies import RuleReplies
from pipeline.emulator.replies.rules import Replier
from pipeline.emulator.replies.source import Replies, SlowReplies
from pipeline.emulator.server.access import Access
from pipeline.emulator.server.address import LOOPBACK, endpoint_of, listen
from pipeline.emulator.server.client_log import ClientLog, ShowLine
from pipeline.emulator.server.connection import Connection
from pipeline.emulator.server.faults import NO_FAULTS, Faults, from_query
from pipeline.emulator.server.liveness import LIMITS, Limits
from pipeline.emulator.server.outbox import Outbox
from pipeline.emulator.server.shortage import ShortageReports
from pipeline.emulator.session.session import Session
from pipeline.emulator.speech.engine import Engine
from pipeline.errors import SettingsError

CLIENTS_PER_PROCESSOR = 4
"""Clients that can speak at the same time without delay; see benchmarks/service_load.py."""

_PATH = r"/{before:(.*/)?}voice-live/realtime"
_SUBPROTOCOLS = ("realtime",)
"""Some clients ask for one, and give up unless it is granted."""
_MOST_MESSAGE_BYTES = 21 * 1024 * 1024
"""15 MiB of audio in base64, with the event around it."""
_DEFAULT_MODEL = "gpt-realtime"
_RETRY_AFTER_S = 5

_log = logging.getLogger(__name__)


def default_most_clients() -> int:
    return CLIENTS_PER_PROCESSOR * (os.cpu_count() or 1)


class EmulatorService:
    """Accepts clients with the key as soon as it is started; the models load meanwhile."""

    _LOADING_S = 6.0
    _GOODBYE_S = 0.2

    def __init__(
        self,
        access: Access,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        listener: socket.socket | None = None,
        replies: Replies | None = None,
        faults: Faults = NO_FAULTS,
        most_clients: int | None = None,
        limits: Limits = LIMITS,
        show: ShowLine = lambda _: None,
        verbose: bool = False,
    ) -> None:
        """Take an address, or a socket that listens already; port 0 means any free port.

        `show` is given a line about each client that comes, is refused, ready, answered or goes,
        and with `verbose` about its events. Raises `MissingPackageError` if the models are not
        installed.
        """
        self._access = access
        self._address = host, port
        self._listener = listener
        self._replies = replies or RuleReplies(Replier())
        self._faults = faults
        self._most_clients = most_clients or default_most_clients()
        self._limits = limits
        self._show = show
        self._verbose = verbose
        self._numbers = itertools.count(1)
        self._engine = Engine()
        self._runner: web.AppRunner | None = None
        self._clients: set[web.WebSocketResponse] = set()

    async def start(self) -> str:
        """Accept clients and begin to load the models; return the endpoint.

        Raises `PortInUseError`, or `SettingsError` if the host is not one of this machine.
        """
        if self._listener is None:
            self._listener = listen(*self._address)
        app = web.Application()
        app.router.add_get(_PATH, self._serve)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(ShortageReports(loop.get_exception_handler()))
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            shutdown_timeout=self._GOODBYE_S,
            # also ends connections on which no complete request has arrived
            keepalive_timeout=self._limits.request_s,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()
        self._engine.start()
        return endpoint_of(self._listener)

    async def loaded(self) -> None:
        """Wait until every model is loaded."""
        await self._engine.loaded()

    async def stop(self) -> None:
        """Close all connections and free the port; abandon work under way."""
        if self._runner is None:
            return
        goodbyes = [client.close(code=WSCloseCode.GOING_AWAY) for client in self._clients]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._GOODBYE_S):
                await asyncio.gather(*goodbyes, return_exceptions=True)
        await self._runner.cleanup()
        self._engine.stop()
        self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        log = ClientLog(next(self._numbers), _where(request), self._show, events=self._verbose)
        if not self._access.allows(request.headers, request.query):
            return _refusal(log, 401, "The key is wrong or missing.")
        try:
            faults = from_query(request.query, self._faults)
        except SettingsError as error:
            return _refusal(log, 400, str(error))
        if len(self._clients) >= self._most_clients:
            places = f"All {self._most_clients} places are taken: try again later."
            return _refusal(log, 503, places)
        client = web.WebSocketResponse(
            max_msg_size=_MOST_MESSAGE_BYTES,
            compress=False,
            protocols=_subprotocols(request),
            autoping=False,  # pings and pongs are signs of life
        )
        self._clients.add(client)
        log.came(_model(request))
        try:
            await client.prepare(request)
            connection = self._connection(client, request, faults, log)
            await connection.converse(self._wait_until_loaded)
        finally:
            self._clients.discard(client)
            log.gone()
        return client

    def _connection(
        self,
        client: web.WebSocketResponse,
        request: web.Request,
        faults: Faults,
        log: ClientLog,
    ) -> Connection:
        outbox = Outbox(faults, log.sent)
        replies = self._replies
        if faults.first_token_ms:
            replies = SlowReplies(replies, faults.first_token_ms / 1_000)
        session = Session(
            self._engine,
            _model(request),
            replies,
            outbox,
            lifetime_s=faults.session_limit_s,
            times_real_time=faults.burst,
            note=log.received,
        )
        return Connection(
            client, request.transport, session, outbox, faults=faults, limits=self._limits
        )

    async def _wait_until_loaded(self) -> None:
        """Delay the session until the models are loaded; on a slow machine turns wait instead."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._LOADING_S):
                await self._engine.settled()


def _model(request: web.Request) -> str:
    return request.query.get("model") or _DEFAULT_MODEL


def _where(request: web.Request) -> str:
    peer = request.transport and request.transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else "an unknown address"


def _refusal(log: ClientLog, status: int, message: str) -> web.Response:
    log.refused(status, message)
    headers = {"Retry-After": str(_RETRY_AFTER_S)} if status == 503 else None
    body = {"error": {"code": str(status), "message": message}}
    return web.json_response(body, status=status, headers=headers)


def _subprotocols(request: web.Request) -> tuple[str, ...]:
    """Return the requested subprotocols that are known.

    Only these are passed to aiohttp, which logs requested protocols that it cannot grant: browsers
    put their key into the same header.
    """
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    return tuple(each for each in _SUBPROTOCOLS if each in map(str.strip, offered))
