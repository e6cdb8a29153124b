"""The status of a response that has ended, as `response.done` reports it."""

import asyncio
import logging

from pipeline.emulator.replies.source import ReplyCutError, ReplyFailedError
from pipeline.emulator.wire.events import Event

_log = logging.getLogger(__name__)


def outcome(
    generation: "asyncio.Task[None]", cancelled_for: str | None
) -> tuple[str, Event | None]:
    """Return status and status details of the response that `generation`, now done, has made."""
    if generation.cancelled():
        return "cancelled", {"type": "cancelled", "reason": cancelled_for}
    error = generation.exception()
    if isinstance(error, ReplyCutError):
        return "incomplete", {"type": "incomplete", "reason": error.reason}
    if isinstance(error, ReplyFailedError):
        return _failed(error.code, str(error))
    if error is not None:
        _log.error("an answer failed", exc_info=error)
        return _failed("server_error", "The service could not make an answer.")
    return "completed", None


def _failed(code: str, message: str) -> tuple[str, Event]:
    fault = {"type": "server_error", "code": code, "message": message}
    return "failed", {"type": "failed", "error": fault}
