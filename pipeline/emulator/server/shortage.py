"""Report in one line that the process has no file descriptor left for new clients."""

import asyncio
import errno
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""After these, asyncio tries again to accept clients, once a second."""
_QUIET_S = 10.0

_log = logging.getLogger(__name__)


class ShortageReports:
    """An event loop's exception handler.

    asyncio reports each failed attempt to accept a client, up to 128 in a second, with a traceback.
    This reports the first of a series, and leaves everything else to `others`.
    """

    def __init__(
        self,
        others: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._others = others
        self._now_s = now_s
        self._last_s: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not _is_shortage(context):
            if self._others is None:
                loop.default_exception_handler(context)
            else:
                self._others(loop, context)
            return
        begins = self._last_s is None or self._now_s() - self._last_s > _QUIET_S
        self._last_s = self._now_s()
        if begins:
            _log.error(
                "New clients have to wait: %s. Clients that are connected are served; raise the "
                "limit (ulimit -n) to serve more.",
                context["exception"].strerror,
            )


def _is_shortage(context: Mapping[str, Any]) -> bool:
    """Whether a client could not be accepted; the context then names the listening socket."""
    error = context.get("exception")
    return isinstance(error, OSError) and error.errno in _SHORTAGES and "socket" in context
