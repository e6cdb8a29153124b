"""Events as they travel: JSON objects with a type, made and checked here."""

import json
import secrets
from types import UnionType
from typing import Any, TypeVar

Event = dict[str, Any]

_T = TypeVar("_T")


class ClientError(Exception):
    """The client did what the protocol forbids. It is told by an `error` event; the session lives.

    :param code: what programs tell errors apart by
    :param message: what a person reads
    :param param: the field at fault, such as ``session.voice``
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


def error_event(error: ClientError, client_event_id: str | None) -> Event:
    return event(
        "error",
        error={
            "type": "invalid_request_error",
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "event_id": client_event_id,
        },
    )


def parse(text: str | bytes) -> Event:
    """Return a client's message as an object; raise `ClientError` if it is none."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ClientError("invalid_json", "The message is not valid JSON.") from None
    if not isinstance(message, dict):
        raise ClientError("invalid_json", "The message is not a JSON object.")
    return message


def event_id_of(message: Event) -> str | None:
    """Return the id that the client gave its event, to be told in an error about it."""
    value = message.get("event_id")
    return value if isinstance(value, str) else None


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


def checked(value: object, kind: type[_T], param: str) -> _T:
    """Return `value` if it is a `kind`; an integer is no boolean, nor the other way round."""
    if not is_kind(value, kind):
        raise ClientError(
            "invalid_type",
            f"Invalid type for '{param}': expected {kind.__name__}, got {type(value).__name__}.",
            param,
        )
    return value  # type: ignore[return-value] # is_kind has just shown it


def is_kind(value: object, kind: type[Any] | UnionType) -> bool:
    """Whether `value` is a `kind`, taking booleans for no numbers."""
    return isinstance(value, kind) and (not isinstance(value, bool) or kind is bool)
