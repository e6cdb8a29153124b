"""Warnings about parts of a session or response that are accepted without effect."""

from collections.abc import Iterator
from itertools import islice

from pydantic import BaseModel

from pipeline.emulator.wire.events import Event, shown, warning_event

_READ_ONLY = frozenset({"id", "object", "expires_at"})
"""Fields that clients send back as they got them: not worth a warning."""
_MOST_UNKNOWN = 10
_UNRENDERED = ("animation", "avatar")


def warning_events(given: Event, known: type[BaseModel], at: str) -> Iterator[Event]:
    """Yield warnings about an accepted session or response.

    :param at: ``session`` or ``response``
    """
    unknown = (name for name in given if name not in known.model_fields and name not in _READ_ONLY)
    for name in islice(unknown, _MOST_UNKNOWN):
        param = f"{at}.{shown(name, quoted=False)}"
        yield warning_event("unknown_parameter", f"Unknown parameter: '{param}'.", param)
    for index, tool in enumerate(given.get("tools") or ()):
        if tool["type"] != "function":
            yield warning_event(
                "not_supported",
                f"This service works offline and never calls tools of type '{tool['type']}'.",
                f"{at}.tools[{index}]",
            )
    for name in _UNRENDERED:
        if given.get(name) or name in (given.get("modalities") or ()):
            yield warning_event(
                "not_supported", f"This service sends sound and text, no {name}.", f"{at}.{name}"
            )
