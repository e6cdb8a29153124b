"""Objects that a client may send, field by field, as the API reference of 2026-07-15 has them.

Only shapes are told here; `configuration` knows which of them fit together.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_MS = 10_000
Milliseconds = Annotated[int, Field(ge=0, le=LONGEST_MS)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class Fields(BaseModel):
    """An object of the protocol. What it does not name is ignored; nothing is converted."""

    model_config = ConfigDict(strict=True, extra="ignore", protected_namespaces=())


def type_of(value: object) -> str | None:
    """Tell members of a union apart: ``str`` for a bare name, else the object's type."""
    if isinstance(value, str):
        return "str"
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None
