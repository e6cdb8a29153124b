"""The built-in service beside a conversation."""

import secrets
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from pipeline.config.settings import Settings
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import AtWork, Report
from pipeline.supervisor.replacement import ReplaceableProcess


class OfflineService:
    """The service of a run without an endpoint: another one starts if it ends or hangs.

    :param stack: frees the port when it closes.
    :param report: told of each replacement.
    """

    def __init__(
        self, children: ChildProcesses, stack: ExitStack, report: Callable[[Report], None]
    ) -> None:
        self._children = children
        self._stack = stack
        self._report = report
        self._signs = 0
        self._process: ReplaceableProcess | None = None

    def start(self, settings: Settings) -> Settings:
        """Return settings whose endpoint answers: the configured one, or a service started here."""
        if not settings.uses_offline_service:
            return settings
        key = secrets.token_urlsafe(24)
        # Open here as long as the conversation lasts: a client may connect before the first
        # service has loaded, and while another takes its place.
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        spawn = partial(
            self._children.spawn,
            *("offline service", "pipeline.emulator.process", settings.verbose, listener, key),
        )
        self._process = ReplaceableProcess(
            self._children,
            spawn,
            lambda: self._signs,
            goes_on="is told what was said",
            report=self._report,
            now_s=time.monotonic,
        )
        return replace(
            settings,
            offline=True,
            endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}",
            api_key=key,
            use_api_key=True,
        )

    def handle(self, _report: AtWork) -> None:
        """Note a sign of life."""
        self._signs += 1

    def check(self) -> None:
        """Replace the service if it hangs; call this a few times a second."""
        if self._process is not None:
            self._process.check()
