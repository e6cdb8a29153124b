"""The SDK's connection to the service: opening, closing, and the sentences about failures."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType
from azure.ai.voicelive.aio import ConnectionError as SdkConnectionError
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from pipeline.config.settings import Settings
from pipeline.errors import MissingPackageError, PipelineError, ServiceClosedError, TokenError
from pipeline.network.closings import MOST_MESSAGE_BYTES, STALLED_S, closed, closing_of
from pipeline.network.refusals import refusal
from pipeline.network.setup import SetUp, Stage
from pipeline.system.certificates import load_certificates

CLOSING_S = 0.4
"""How long the service may take to confirm the end, when the client leaves."""

BEFORE_PING_S = 0.64 * STALLED_S
"""Silence after which aiohttp pings. After 1.5 times that without a byte it ends the connection."""

LAST_WORDS_S = 0.4
"""How long the receiver may go on reading after a send has failed."""


def host_of(settings: Settings) -> str:
    return urlsplit(settings.endpoint or "").netloc


@asynccontextmanager
async def open_connection(settings: Settings, setup: SetUp) -> AsyncIterator[VoiceLiveConnection]:
    """Connect to the endpoint; the end of the context closes the connection, in bounded time.

    :raises AuthenticationError, BusyError, EndpointError, TokenError: with the sentence that a
        person reads.
    """
    async with AsyncExitStack() as stack:
        connection = await _connect(settings, setup, stack)
        setup.stage = Stage.SESSION
        stack.push_async_callback(_close, connection, _socket_of(connection))
        yield connection


class SendGate:
    """Lets one task at a time send on a connection.

    Sends at the same time would be safe: without compression, which the SDK leaves off, aiohttp
    writes each frame in one piece. But aiohttp lets them add 256 KiB and more to the buffer
    of a congested transport, where nothing can be withdrawn, and a cancelled send would cancel
    the others, because all wait for one future.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the gate.

        :raises ServiceClosedError: the connection takes no more. The receiver has the first word:
            the service may have said why, in events that have not been read yet.
        """
        try:
            async with self._lock:
                yield
        except (SdkConnectionError, aiohttp.ClientError, ConnectionError) as error:
            if isinstance(error.__cause__, TypeError | ValueError):
                raise  # the message could not be written as JSON: a fault of the client
            await asyncio.sleep(LAST_WORDS_S)
            raise closed() from error


async def next_message(
    connection: VoiceLiveConnection,
    on_ping: Callable[[bytes], None],
    on_pong: Callable[[bytes], None],
) -> bytes:
    """Wait for the service's next message.

    The SDK's own `recv_bytes` hides why a connection has ended, and answers pings itself: while
    nothing can be sent, nothing would be read.

    :param on_ping: takes the payload of a ping, which is to be sent back in a pong.
    :param on_pong: takes the payload of a pong.
    :raises ServiceClosedError: there is none left; the sentence says why.
    """
    websocket = websocket_of(connection)
    while True:
        message = await websocket.receive()
        match message.type:
            case WSMsgType.TEXT:
                return str(message.data).encode()
            case WSMsgType.BINARY:
                return bytes(message.data)
            case WSMsgType.PING:
                on_ping(message.data)
            case WSMsgType.PONG:
                on_pong(message.data)
            case _:
                raise closing_of(websocket, message)


def websocket_of(connection: VoiceLiveConnection) -> aiohttp.ClientWebSocketResponse:
    return connection._connection  # noqa: SLF001 - the SDK hides close reasons, pings, the socket


def given_up(last: PipelineError, limit_s: float = 0.0) -> ServiceClosedError:
    """Return the error that ends the conversation.

    :param last: what went wrong in the last attempt.
    :param limit_s: how long connecting was tried; 0: not again.
    """
    tried = f" Connecting was tried for {limit_s:g} s." if limit_s else ""
    return ServiceClosedError(f"{last}{tried} Start again to go on talking.")


async def _connect(settings: Settings, setup: SetUp, stack: AsyncExitStack) -> VoiceLiveConnection:
    host = host_of(settings)
    if _uses_tls(settings):
        load_certificates()
    connecting = connect(
        endpoint=settings.endpoint or "",
        credential=_credential(settings, setup, stack),
        model=settings.model,
        api_version=settings.api_version,
        connection_options={
            "autoping": False,  # see `next_message`
            "close_timeout": CLOSING_S,
            "heartbeat": BEFORE_PING_S,
            "max_msg_size": MOST_MESSAGE_BYTES,
        },
    )
    try:
        async with setup.limited():
            return await connecting.__aenter__()
    except ClientAuthenticationError as error:
        raise TokenError(
            "Microsoft Entra gave no token: run az login, or set AZURE_VOICELIVE_API_KEY."
        ) from error
    except (SdkConnectionError, ServiceRequestError) as error:  # the latter: on the way to a token
        raise refusal(host, error.__cause__ or error) from error


def _socket_of(connection: VoiceLiveConnection) -> socket.socket | None:
    """Return another handle of the connection's socket; None if it is closed already."""
    transport_socket = websocket_of(connection).get_extra_info("socket")
    try:
        return transport_socket and socket.socket(fileno=socket.dup(transport_socket.fileno()))
    except OSError:
        return None


async def _close(connection: VoiceLiveConnection, wire: socket.socket | None) -> None:
    """Close the connection in bounded time, even if the service neither reads nor confirms.

    aiohttp waits without limit for the transport's buffer to empty, and starts its close timeout
    anew with each message that still comes in.
    """
    in_time = await _closed_in_time(connection)
    if wire is not None:
        with wire, suppress(OSError):  # not connected any more
            wire.shutdown(socket.SHUT_RDWR)  # drops what the transport still holds
    if not in_time:
        await _closed_in_time(connection)  # the rest of the SDK's own end


async def _closed_in_time(connection: VoiceLiveConnection) -> bool:
    try:
        async with asyncio.timeout(CLOSING_S):
            await connection.close()
    except TimeoutError:
        return False
    return True


def _uses_tls(settings: Settings) -> bool:
    """Whether the connection is encrypted, or the one to Microsoft Entra before it."""
    encrypted = urlsplit(settings.endpoint or "").scheme not in ("http", "ws")
    return encrypted or not settings.uses_api_key


class _StagedCredential:
    """An identity that notes in `setup` that a token is being waited for."""

    def __init__(self, identity: AsyncTokenCredential, setup: SetUp) -> None:
        self._identity = identity
        self._setup = setup

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - of the SDK
        self._setup.stage = Stage.SIGN_IN
        token = await self._identity.get_token(*scopes, **options)
        self._setup.stage = Stage.CONNECTION
        return token

    async def close(self) -> None:
        await self._identity.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _credential(
    settings: Settings, setup: SetUp, stack: AsyncExitStack
) -> AzureKeyCredential | AsyncTokenCredential:
    """The key, or the identity that is signed in: environment, managed identity or az login."""
    if settings.uses_api_key:
        return AzureKeyCredential(settings.api_key or "")
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise MissingPackageError(
            "Signing in with Microsoft Entra needs azure-identity: "
            "run `make setup EXTRAS=entra`, or set AZURE_VOICELIVE_API_KEY."
        ) from error
    credential = _StagedCredential(DefaultAzureCredential(), setup)
    stack.push_async_callback(credential.close)
    return credential
