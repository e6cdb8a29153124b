"""A stream of words cut into clauses, which are spoken one by one."""

import re
from collections.abc import AsyncGenerator, AsyncIterable
from typing import TypeVar

_CLAUSE_END = re.compile(r"[,;:.!?][\"')\]]*\s")
_LONGEST_CLAUSE = 200

_T = TypeVar("_T")


async def clauses(parts: AsyncIterable[str | _T]) -> AsyncGenerator[str | _T, None]:
    """Join words into clauses that sound right alone; the clauses joined are the text.

    A part that is not text ends a clause and is passed on.
    """
    clause = ""
    async for part in parts:
        if not isinstance(part, str):
            if clause:
                yield clause
            clause = ""
            yield part
            continue
        clause += part
        while (end := _clause_end(clause)) is not None:
            yield clause[:end]
            clause = clause[end:]
    if clause:
        yield clause


def _clause_end(text: str) -> int | None:
    found = _CLAUSE_END.search(text)
    if found is not None:
        return found.end()
    if len(text) > _LONGEST_CLAUSE:
        return text.rfind(" ", 1, _LONGEST_CLAUSE) + 1 or _LONGEST_CLAUSE
    return None
