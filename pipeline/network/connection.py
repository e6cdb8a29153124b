"""The SDK's connection to the service: opening, closing, and the sentences about failures."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from azure.ai.voicelive.aio import ConnectionClosed, VoiceLiveConnection, connect
from azure.ai.voicelive.aio import ConnectionError as SdkConnectionError
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from pipeline.config.settings import Settings
from pipeline.errors import (
    AuthenticationError,
    EndpointError,
    MissingPackageError,
    PipelineError,
    ServiceClosedError,
)
from pipeline.network.setup import SetUp, Stage

CLOSING_S = 0.4
"""How long the service may take to confirm the end, when the client leaves."""

LAST_WORDS_S = 0.4
"""How long the receiver may go on reading after a send has failed."""


def host_of(settings: Settings) -> str:
    return urlsplit(settings.endpoint or "").netloc


@asynccontextmanager
async def open_connection(settings: Settings, setup: SetUp) -> AsyncIterator[VoiceLiveConnection]:
    """Connect to the endpoint; the end of the context closes the connection, in bounded time.

    :raises AuthenticationError, EndpointError: with the sentence that a person reads.
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
        except SdkConnectionError as error:
            if isinstance(error.__cause__, TypeError | ValueError):
                raise  # the message could not be written as JSON: a fault of the client
            await asyncio.sleep(LAST_WORDS_S)
            raise closed() from error


async def next_message(connection: VoiceLiveConnection) -> bytes:
    """:raises ServiceClosedError: there is none left."""
    try:
        if message := await connection.recv_bytes():
            return message
    except (ConnectionClosed, aiohttp.ClientError, RuntimeError) as error:
        raise closed() from error
    raise closed()  # it is closing


def closed() -> ServiceClosedError:
    return ServiceClosedError("The service closed the connection.")


def given_up(last: PipelineError, limit_s: float) -> ServiceClosedError:
    """:param last: what went wrong in the last attempt."""
    tried = f" Reconnecting failed for {limit_s:g} s." if limit_s else ""
    return ServiceClosedError(f"{last}{tried} Start again to go on talking.")


async def _connect(
    settings: Settings, setup: SetUp, stack: AsyncExitStack
) -> VoiceLiveConnection:
    host = host_of(settings)
    connecting = connect(
        endpoint=settings.endpoint or "",
        credential=_credential(settings, setup, stack),
        model=settings.model,
        api_version=settings.api_version,
        connection_options={"close_timeout": CLOSING_S},
    )
    try:
        async with setup.limited():
            return await connecting.__aenter__()
    except ClientAuthenticationError as error:
        raise AuthenticationError(
            "Microsoft Entra gave no token: run az login, or set AZURE_VOICELIVE_API_KEY."
        ) from error
    except (SdkConnectionError, ServiceRequestError) as error:  # the latter: on the way to a token
        raise _refusal(host, error.__cause__ or error) from error


def _socket_of(connection: VoiceLiveConnection) -> socket.socket | None:
    """Return another handle of the connection's socket; None if it is closed already."""
    websocket = connection._connection  # noqa: SLF001 - the SDK has no way to reset a connection
    transport_socket = websocket.get_extra_info("socket")
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


class _StagedCredential:
    """An identity that notes in `setup` that a token is being waited for."""

    def __init__(self, identity: AsyncTokenCredential, setup: SetUp) -> None:
        self._identity = identity
        self._setup = setup

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self._setup.stage = Stage.TOKEN
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


def _refusal(host: str, cause: BaseException) -> PipelineError:
    status = cause.status if isinstance(cause, aiohttp.WSServerHandshakeError) else None
    if status in (401, 403):
        return AuthenticationError(
            f"{host} refused the sign-in (HTTP {status}): check AZURE_VOICELIVE_API_KEY, "
            "and that it belongs to this endpoint."
        )
    if status is not None:
        return EndpointError(
            f"{host} answered HTTP {status} instead of opening a Voice Live session: "
            "check the endpoint and the model."
        )
    return EndpointError(
        f"{host} cannot be reached ({cause}): check the endpoint and your network, "
        "or use --offline."
    )
