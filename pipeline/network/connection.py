"""The SDK's connection to the service: how it comes about and ends, and what a person is told."""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp
from azure.ai.voicelive.aio import ConnectionClosed, VoiceLiveConnection, connect
from azure.ai.voicelive.aio import ConnectionError as SdkConnectionError
from azure.core.credentials import AzureKeyCredential
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

CLOSING_S = 0.5
"""How long the service may take to confirm the end, when it is we who leave."""


def host_of(settings: Settings) -> str:
    return urlsplit(settings.endpoint or "").netloc


async def open_connection(settings: Settings, stack: AsyncExitStack) -> VoiceLiveConnection:
    """Connect to the endpoint; `stack` receives what must be closed.

    :raises AuthenticationError, EndpointError: with the sentence that a person reads.
    """
    host = host_of(settings)
    connection = connect(
        endpoint=settings.endpoint or "",
        credential=_credential(settings, stack),
        model=settings.model,
        api_version=settings.api_version,
        connection_options={"close_timeout": CLOSING_S},
    )
    try:
        async with asyncio.timeout(settings.connect_timeout_s):  # the SDK has no limit of its own
            return await stack.enter_async_context(connection)
    except TimeoutError as error:
        raise EndpointError(
            f"{host} did not answer within {settings.connect_timeout_s:g} s: "
            "check the endpoint and your network, or raise --connect-timeout-s."
        ) from error
    except ClientAuthenticationError as error:
        raise AuthenticationError(
            "Microsoft Entra gave no token: run az login, or set AZURE_VOICELIVE_API_KEY."
        ) from error
    except (SdkConnectionError, ServiceRequestError) as error:  # the latter: on the way to a token
        raise _refusal(host, error.__cause__ or error) from error


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
    """`last` is what went wrong at the last of all attempts."""
    tried = f" No other session came about within {limit_s:g} s." if limit_s else ""
    return ServiceClosedError(f"{last}{tried} Start again to go on talking.")


def _credential(
    settings: Settings, stack: AsyncExitStack
) -> AzureKeyCredential | AsyncTokenCredential:
    """The key, or whoever is signed in here: environment, managed identity or az login."""
    if settings.uses_api_key:
        return AzureKeyCredential(settings.api_key or "")
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise MissingPackageError(
            "Signing in with Microsoft Entra needs azure-identity: "
            "run `make setup EXTRAS=entra`, or set AZURE_VOICELIVE_API_KEY."
        ) from error
    credential: AsyncTokenCredential = DefaultAzureCredential()
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
