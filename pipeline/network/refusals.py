"""A connection that cannot be opened: what the HTTP status says, and when to try again."""

import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aiohttp import WSServerHandshakeError

from pipeline.errors import (
    AuthenticationError,
    BusyError,
    EndpointError,
    PipelineError,
    RefusedError,
)

_BUSY = (429, 503)
_REFUSED_SIGN_IN = (401, 403)
_MAY_PASS = (408, 425)


def refusal(host: str, cause: BaseException) -> PipelineError:
    """Return the error for a handshake with `host` that failed because of `cause`."""
    if not isinstance(cause, WSServerHandshakeError):
        return EndpointError(
            f"{host} cannot be reached ({_cause_words(cause)}): {_remedy(cause)}, or use --offline."
        )
    status = cause.status
    if status in _BUSY:
        asked = cause.headers.get("Retry-After", "") if cause.headers else ""
        wait_s = retry_after_s(asked, datetime.now(UTC))
        return BusyError(
            f"{host} is busy and opens no more sessions at the moment (HTTP {status}).", wait_s
        )
    if status in _REFUSED_SIGN_IN:
        return AuthenticationError(
            f"{host} refused the sign-in (HTTP {status}): check the key (--api-key or "
            "AZURE_VOICELIVE_API_KEY), and that it belongs to this endpoint."
        )
    if status >= 500:
        return EndpointError(f"{host} has a fault of its own (HTTP {status}): try again later.")
    lasting = status >= 400 and status not in _MAY_PASS
    return (RefusedError if lasting else EndpointError)(
        f"{host} answered HTTP {status} instead of opening a Voice Live session: "
        "check the endpoint and the model."
    )


def _cause_words(cause: BaseException) -> str:
    """Return what the system says, without the address that the library repeats."""
    error = getattr(cause, "os_error", cause)
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


def _remedy(cause: BaseException) -> str:
    if getattr(getattr(cause, "os_error", None), "reason", None) == "WRONG_VERSION_NUMBER":
        return "give http:// if the service does not speak TLS there"
    return "check the endpoint and your network"


def retry_after_s(value: str, now: datetime) -> float:
    """Return how long the header ``Retry-After`` asks to wait: seconds, or until a date; else 0."""
    text = value.strip()
    if text.isdecimal() and text.isascii():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or one without a time zone
        return 0.0
