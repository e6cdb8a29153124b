"""Whether the service answers: name, TLS, clock, sign-in, handshake, and a first answer.

Each step needs the one before, so the first that is wrong is the last.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import aiohttp
from azure.ai.voicelive.aio import VoiceLiveConnection

from pipeline.config.settings import Settings
from pipeline.doctor.finding import Finding, advice, fine, wrong
from pipeline.errors import AuthenticationError, MissingPackageError, PipelineError, TokenError
from pipeline.network.connection import SendGate, host_of, next_message, open_connection
from pipeline.network.decode import UnreadableError, read
from pipeline.network.events import (
    AudioDelta,
    Event,
    ResponseDone,
    ServiceError,
    SessionUpdated,
    WordsDelta,
)
from pipeline.network.session import build_session, message_item
from pipeline.network.setup import SetUp, Stage

QUESTION = "Say the word hello, and nothing else."
ANSWER_S = 30.0
"""How long an answer may take to begin."""

MOST_SKEW_S = 60.0
"""Sign-in by token fails from 5 minutes on."""

_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}
_SIGN_IN = (AuthenticationError, TokenError, MissingPackageError)


async def check_service(settings: Settings) -> AsyncIterator[Finding]:
    """Yield a finding for each step until one is wrong.

    :param settings: with an endpoint.
    """
    address = urlsplit(settings.endpoint or "")
    limit_s = settings.connect_timeout_s
    for step in (_check_name, _check_tls, _check_clock):
        finding = await step(address, limit_s)
        yield finding
        if finding.state == "wrong":
            return
    async for finding in _check_conversation(settings):
        yield finding


async def _check_name(address: SplitResult, limit_s: float) -> Finding:
    host = address.hostname or ""
    if _is_number(host):
        return fine("DNS", "not needed: the endpoint is a number")
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, _port(address), type=socket.SOCK_STREAM
            )
    except TimeoutError:
        return wrong("DNS", f"no answer about {host} within {limit_s:g} s: check your network.")
    except (OSError, UnicodeError) as error:
        return wrong(
            "DNS",
            f"{host} is not known ({error}): check the endpoint's spelling and your network.",
        )
    return fine("DNS", f"{host} is {found[0][4][0]} ({_ms(began_s)})")


async def _check_tls(address: SplitResult, limit_s: float) -> Finding:
    if address.scheme in ("http", "ws"):
        return fine("TLS", "not used by this endpoint")
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            _, writer = await asyncio.open_connection(
                address.hostname, _port(address), ssl=ssl.create_default_context()
            )
    except ssl.SSLCertVerificationError as error:
        return wrong(
            "TLS",
            f"the certificate is not trusted ({error.verify_message}): check this machine's clock, "
            "and whether a proxy stands between (SSL_CERT_FILE names its certificate).",
        )
    except TimeoutError:
        return wrong("TLS", f"no connection within {limit_s:g} s: check network and firewall.")
    except OSError as error:
        return wrong("TLS", f"no connection ({error}): check the endpoint, network and firewall.")
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return fine("TLS", f"{version} ({_ms(began_s)})")


async def _check_clock(address: SplitResult, limit_s: float) -> Finding:
    """Compare this machine's clock with the one in the answer to an ordinary request."""
    scheme = {"wss": "https", "ws": "http"}.get(address.scheme, address.scheme)
    timeout = aiohttp.ClientTimeout(total=limit_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.head(f"{scheme}://{address.netloc}/", allow_redirects=False) as response,
        ):
            told = response.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError):
        told = ""
    return clock_finding(told, datetime.now(UTC))


def clock_finding(told: str, now: datetime) -> Finding:
    """Judge the clock by the header ``Date`` of an answer that has just come."""
    try:
        skew_s = (now - parsedate_to_datetime(told)).total_seconds()
    except (ValueError, TypeError):
        return fine("clock", "the endpoint does not tell the time: not compared")
    if abs(skew_s) > MOST_SKEW_S:
        way = "fast" if skew_s > 0 else "slow"
        return advice(
            "clock",
            f"this machine's is {abs(skew_s):.0f} s {way}, so signing in may fail: set it.",
        )
    return fine("clock", f"within {MOST_SKEW_S:g} s of the endpoint's")


async def _check_conversation(settings: Settings) -> AsyncIterator[Finding]:
    sign_in = "key" if settings.uses_api_key else "Microsoft Entra"
    setup = SetUp(host_of(settings), settings.connect_timeout_s)
    began_s = time.monotonic()
    step = sign_in
    try:
        async with open_connection(settings, setup) as connection:
            yield fine(sign_in, "accepted")
            step = "handshake"
            await _set_up(connection, settings, setup)
            yield fine("handshake", f"session ready after {_ms(began_s)}")
            step = "first answer"
            asked_s = time.monotonic()
            await _ask(connection)
            yield fine("first answer", f"begun {_ms(asked_s)} after a typed line")
    except _SIGN_IN as error:
        yield wrong(sign_in, str(error))
    except TimeoutError:
        yield wrong(step, f"none began within {ANSWER_S:g} s: check the model, or try again.")
    except PipelineError as error:
        yield wrong("handshake" if step == sign_in else step, str(error))


async def _set_up(connection: VoiceLiveConnection, settings: Settings, setup: SetUp) -> None:
    async with setup.limited():
        async with SendGate().turn():
            await connection.session.update(session=build_session(settings))
        setup.stage = Stage.SETTINGS
        while not isinstance(await _next_event(connection), SessionUpdated):
            pass


async def _ask(connection: VoiceLiveConnection) -> None:
    """Ask a typed question and wait until the answer begins; its rest is cancelled by leaving.

    :raises TimeoutError: it does not begin.
    """
    async with asyncio.timeout(ANSWER_S):
        async with SendGate().turn():
            await connection.conversation.item.create(item=message_item("user", QUESTION))
            await connection.response.create()
        while True:
            event = await _next_event(connection)
            if isinstance(event, AudioDelta | WordsDelta):
                return
            if isinstance(event, ResponseDone):
                raise PipelineError(
                    f"the service ended it without a word (status {event.status}): check the "
                    "model, the voice and your quota."
                )


async def _next_event(connection: VoiceLiveConnection) -> Event | None:
    """Return the next event, None if it cannot be read.

    :raises PipelineError: it is an error, or the connection has ended.
    """
    message = await next_message(connection, lambda _: None, lambda _: None)
    try:
        _, event = read(message)
    except UnreadableError:
        return None
    if isinstance(event, ServiceError) and not event.benign:
        raise PipelineError(f"the service says: {event.message}")
    return event


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _port(address: SplitResult) -> int:
    return address.port or _PORTS[address.scheme]


def _ms(began_s: float) -> str:
    return f"{(time.monotonic() - began_s) * 1_000:.0f} ms"
