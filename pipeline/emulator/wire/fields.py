"""What all objects of the wire share; shapes as in the API reference of 2026-07-15.

The modules `*_fields` hold types and ranges. `session.configuration` checks which values fit
together.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_MS = 10_000
Milliseconds = Annotated[int, Field(ge=0, le=LONGEST_MS)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class Fields(BaseModel):
    """An object of the protocol. Unknown fields are ignored, values are not converted."""

    model_config = ConfigDict(strict=True, extra="ignore", protected_namespaces=())


def type_of(value: object) -> str | None:
    """Tell members of a union apart: ``str`` for a bare name, else the object's type."""
    if isinstance(value, str):
        return "str"
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None
