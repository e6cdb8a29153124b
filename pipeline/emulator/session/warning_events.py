"""What a client is warned of: it was accepted, and does nothing here."""

from collections.abc import Iterator
from itertools import islice

from pydantic import BaseModel

from pipeline.emulator.wire.events import Event, shown, warning_event

_READ_ONLY = frozenset({"id", "object", "expires_at"})
"""A client that sends its session back as it got it need not be told that these stay."""
_MOST_UNKNOWN = 10
_UNRENDERED = ("animation", "avatar")


def warning_events(given: Event, known: type[BaseModel], at: str) -> Iterator[Event]:
    """Yield warnings about an accepted session or response.

    :param at: what it is, ``session`` or ``response``
    """
    unknown = (name for name in given if name not in known.model_fields and name not in _READ_ONLY)
    for name in islice(unknown, _MOST_UNKNOWN):
        param = f"{at}.{shown(name, quoted=False)}"
        yield warning_event("unknown_parameter", f"Unknown parameter: '{param}'.", param)
    for index, tool in enumerate(given.get("tools") or ()):
        if tool["type"] != "function":
            yield warning_event(
                "not_supported",
                f"Tools of type '{tool['type']}' are never called: this service works offline.",
                f"{at}.tools[{index}]",
            )
    for name in _UNRENDERED:
        if given.get(name) or name in (given.get("modalities") or ()):
            yield warning_event(
                "not_supported", f"There is no {name} here: sound and text alone.", f"{at}.{name}"
            )
