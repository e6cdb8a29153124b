"""Ways in which a service ends a connection in the middle."""

from collections.abc import Awaitable, Callable

from tests.support.scripted_service import ScriptedSession

Leave = Callable[[ScriptedSession], Awaitable[None]]


async def close_cleanly(session: ScriptedSession) -> None:
    await session.close()


async def expire(session: ScriptedSession) -> None:
    """End the session as at the limit of its time."""
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "Too long."}
    await session.send("error", error=error)
    await session.close(1_001)


async def abort(session: ScriptedSession) -> None:
    session.abort()


WAYS_TO_LEAVE: list[Leave] = [close_cleanly, expire, abort]
