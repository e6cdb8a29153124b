"""Why a connection has ended, in words."""

from aiohttp import ClientWebSocketResponse, ServerTimeoutError, WSMessage, WSMsgType
from aiohttp.http import WebSocketError

from pipeline.errors import ServiceClosedError
from pipeline.system.text import printable, shortened

MOST_MESSAGE_BYTES = 32 * 1024 * 1024
"""Longest message of the service: an item that repeats 15 MiB of sound in base64, and more."""

STALLED_S = 5.0
"""Time within which a connection that brings nothing at all is given up."""

_NORMAL = 1_000
_BROKEN = 1_006
_MEANINGS = {
    1001: "it goes away, or the session has reached its longest duration",
    1002: "it found a mistake in the protocol",
    1003: "it does not take this kind of message",
    1007: "it could not decode a message",
    1008: "the session breaks a rule of the service",
    1009: "a message was too big for it",
    1011: "it has an internal error",
    1012: "it restarts",
    1013: "it is busy",
}
_MOST_REASON_CHARACTERS = 200


def closed() -> ServiceClosedError:
    """The connection takes no more; the receiver knows why."""
    return ServiceClosedError("The service closed the connection.")


def closing_of(websocket: ClientWebSocketResponse, last: WSMessage) -> ServiceClosedError:
    """Return why `websocket` has ended with the message `last`, which is none of the service's."""
    failure = last.data if last.type is WSMsgType.ERROR else websocket.exception()
    if isinstance(failure, ServerTimeoutError):
        return ServiceClosedError(
            "The connection to the service has stalled: "
            f"nothing has arrived for {STALLED_S:g} s, and pings are not answered."
        )
    if isinstance(failure, WebSocketError):
        return ServiceClosedError(_unreadable(failure))
    if last.type is WSMsgType.CLOSE:
        return ServiceClosedError(_closed_with(last.data, last.extra or ""))
    return ServiceClosedError("The connection to the service broke off.")


def _unreadable(failure: WebSocketError) -> str:
    if failure.code == 1009:
        return (
            f"The service sent a message of more than {MOST_MESSAGE_BYTES >> 20} MiB, "
            "which is not taken."
        )
    return f"The service sent something that is not WebSocket (close code {failure.code})."


def _closed_with(code: int | None, reason: str) -> str:
    """Return the sentence for a close frame; one without a code is a normal end."""
    sentence = "The service closed the connection"
    if meaning := _MEANINGS.get(code or _NORMAL):
        sentence += f": {meaning}"
    if code not in (None, _NORMAL):
        sentence += f" (close code {code})"
    if shown := shortened(printable(reason).strip(), _MOST_REASON_CHARACTERS):
        sentence += f'. It says: "{shown.removesuffix(".")}"'
    return f"{sentence}."
