"""The manual's table of events."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import TypeGuard, get_type_hints

from pipeline.ipc import events
from pipeline.ipc.event_json import name_of
from pipeline.ipc.events import Event, TraceEvent

_TIME = "time_ns"
_TYPES = {str: "string", int: "integer", bool: "true or false"}


def event_types() -> tuple[type[Event], ...]:
    """Return every type of event, those that only explain last."""
    types = [kind for kind in vars(events).values() if _is_event(kind)]
    return tuple(sorted(types, key=lambda kind: issubclass(kind, TraceEvent)))


def events_table() -> str:
    """Return a table of all events in Markdown, for docs/api.md."""
    return "\n".join(_rows())


def _is_event(kind: object) -> TypeGuard[type[Event]]:
    return isinstance(kind, type) and issubclass(kind, Event) and kind not in {Event, TraceEvent}


def _rows() -> Iterator[str]:
    yield "| event | in JSON | fields | meaning |"
    yield "|---|---|---|---|"
    for kind in event_types():
        hints = get_type_hints(kind)
        names = (field.name for field in fields(kind) if field.name != _TIME)
        shown = ", ".join(f"`{name}` ({_TYPES.get(hints[name], 'list')})" for name in names)
        meaning = (kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        meaning = re.sub(r"\s+", " ", meaning)
        explains = ", a trace" if issubclass(kind, TraceEvent) else ""
        yield f"| `{kind.__name__}`{explains} | `{name_of(kind)}` | {shown} | {meaning} |"
