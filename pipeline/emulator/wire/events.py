"""Events of the wire: JSON objects with a type, and the checks that any of them needs."""

import json
import math
import re
import secrets
from types import UnionType
from typing import Any, NoReturn, TypeVar

Event = dict[str, Any]

_T = TypeVar("_T")

_DEEPEST = 64
_MOST_SHOWN = 60
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class ClientError(Exception):
    """The client broke the protocol. It is sent an `error` event, and the session goes on.

    :param code: a name for programs
    :param message: a sentence for people
    :param param: the faulty field, such as ``session.voice``
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(12)}"


def event(kind: str, **fields: object) -> Event:
    """Return a server event."""
    return {"type": kind, "event_id": new_id("event"), **fields}


def error_event(
    error: ClientError, client_event_id: str | None = None, kind: str = "invalid_request_error"
) -> Event:
    return event(
        "error",
        error={
            "type": kind,
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "event_id": client_event_id,
        },
    )


def warning_event(code: str, message: str, param: str) -> Event:
    """Return a `warning` event: the client's event was accepted, a part of it has no effect."""
    return event("warning", warning={"code": code, "message": message, "param": param})


def parse(text: str | bytes) -> Event:
    """Return a client's message as an object that JSON and UTF-8 can hold; raise `ClientError`."""
    try:
        message = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ClientError("invalid_json", "The message is not valid JSON.") from None
    if not isinstance(message, dict):
        raise ClientError("invalid_json", "The message is not a JSON object.")
    _check_depth(message)
    if isinstance(text, bytes) or _SURROGATE.search(text):
        _check_text(message)
    return message


def event_id_of(message: Event) -> str | None:
    """Return the id that the client gave its event, for an error event about it."""
    value = message.get("event_id")
    return value if isinstance(value, str) and len(value) <= 512 else None


def shown(value: object, *, quoted: bool = True) -> str:
    """Return `value` for a message to the client, shortened if it is long."""
    text = repr(value) if quoted else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def required(message: Event, name: str, kind: type[_T], at: str = "") -> _T:
    """Return field `name`, which must be a `kind`; raise `ClientError` otherwise.

    :param at: where `message` stands in the event, such as ``item.``
    """
    if name not in message:
        param = f"{at}{name}"
        raise ClientError(
            "missing_required_parameter", f"Missing required parameter: '{param}'.", param
        )
    return checked(message[name], kind, f"{at}{name}")


def optional(message: Event, name: str, kind: type[_T]) -> _T | None:
    """Return field `name`, None if it is absent or null; raise `ClientError` for another type."""
    return None if message.get(name) is None else checked(message[name], kind, name)


def checked(value: object, kind: type[_T], param: str) -> _T:
    """Return `value` if it is a `kind`, else raise `ClientError`; see `is_kind`."""
    if not is_kind(value, kind):
        raise ClientError(
            "invalid_type",
            f"Invalid type for '{param}': expected {kind.__name__}, got {type(value).__name__}.",
            param,
        )
    return value  # type: ignore[return-value] # is_kind has checked it


def is_kind(value: object, kind: type[Any] | UnionType) -> bool:
    """Whether `value` is a `kind`; a boolean is not a number."""
    return isinstance(value, kind) and (not isinstance(value, bool) or kind is bool)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # JSON has neither NaN nor infinity


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(number)
    return value


def _check_depth(message: Event) -> None:
    level: list[Any] = [message]
    for _ in range(_DEEPEST):
        inner = [
            each
            for container in level
            for each in (container.values() if isinstance(container, dict) else container)
        ]
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return
    raise ClientError("invalid_json", f"The message is nested deeper than {_DEEPEST} levels.")


def _check_text(message: Event) -> None:
    """Refuse half a surrogate pair: JSON allows it, UTF-8 cannot hold it."""
    try:
        json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ClientError("invalid_json", "The message holds half of a surrogate pair.") from None
