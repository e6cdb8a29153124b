"""How a service leaves in the middle."""

from collections.abc import Awaitable, Callable

from tests.support.scripted_service import ScriptedSession

Leave = Callable[[ScriptedSession], Awaitable[None]]


async def close_cleanly(session: ScriptedSession) -> None:
    await session.close()


async def expire(session: ScriptedSession) -> None:
    """As at the limit of a session's time."""
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "Too long."}
    await session.send("error", error=error)
    await session.close(1_001)


async def abort(session: ScriptedSession) -> None:
    session.abort()


WAYS_TO_LEAVE: list[Leave] = [close_cleanly, expire, abort]
