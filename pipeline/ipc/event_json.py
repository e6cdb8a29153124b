"""Events as JSON: the schema of `run --json-events` and of a recording's events."""

import re
from dataclasses import fields
from typing import Any

from pipeline.ipc.events import Event


def name_of(kind: type[Event]) -> str:
    """Return the name of a type of event in JSON, such as ``user_said``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as an object of JSON: its name, its time and its fields."""
    names = (field.name for field in fields(event))
    return {"event": name_of(type(event)), **{name: getattr(event, name) for name in names}}
