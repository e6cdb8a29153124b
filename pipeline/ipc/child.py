"""The frame of every child process: reports to the supervisor, and an end when it says so or dies.

One duplex pipe joins a child to the supervisor. Its end of file means "stop": the supervisor
closes it to end a child, and the system closes it if the supervisor is killed, so that no child
outlives it. A parent's process id would not do: it may be reused, and it changes late.
"""

import logging
import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from pipeline.errors import PipelineError
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import Failed, Log, Report
from pipeline.system.signals import sigint_left_to_supervisor


class SupervisorLink:
    """A child's end of the pipe. `report` never waits, so an event loop may call it.

    :ivar stopped: whether the supervisor said stop or is gone, as far as `receive` has seen.
    """

    _QUEUED_REPORTS = 10_000

    def __init__(self, pipe: "Connection[Report, Command]") -> None:
        self._pipe = pipe
        self.stopped = False
        self._queue: queue.Queue[Report | None] = queue.Queue(self._QUEUED_REPORTS)
        self._pump = threading.Thread(target=self._send_queued, name="reports", daemon=True)
        self._pump.start()

    def report(self, report: Report) -> None:
        """Queue a report. If the supervisor has not read 10,000 of them, drop this one."""
        with suppress(queue.Full):
            self._queue.put_nowait(report)

    def receive(self, wait_s: float | None = 0.0) -> Command | None:
        """Take the next command, waiting up to `wait_s` (None: for ever); None if there is none.

        None also when the supervisor said stop or is gone: then `stopped` is true.
        """
        try:
            return self._pipe.recv() if self._pipe.poll(wait_s) else None
        except (EOFError, OSError):
            self.stopped = True
            return None

    def stop_requested(self, wait_s: float | None = 0.0) -> bool:
        """Whether to stop; for processes that get no other command. Waits up to `wait_s`."""
        self.receive(wait_s)
        return self.stopped

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        self._pump.join()
        self._pipe.close()

    def _send_queued(self) -> None:
        somebody_reads = True
        while (report := self._queue.get()) is not None:
            if somebody_reads:
                somebody_reads = self._sent(report)

    def _sent(self, report: Report) -> bool:
        try:
            self._pipe.send(report)
        except OSError:  # the supervisor has closed its end, or is gone
            return False
        return True


def run_child(
    pipe: "Connection[Report, Command]", verbose: bool, work: Callable[[SupervisorLink], None]
) -> None:
    """Run `work` as the whole life of a spawned process, and report how it failed if it did."""
    with sigint_left_to_supervisor(), SupervisorLink(pipe) as link, _logging_to(link, verbose):
        try:
            work(link)
        except Exception as error:  # noqa: BLE001 - nobody above could handle it
            link.report(Failed(_sendable(error), traceback.format_exc()))


def _sendable(error: Exception) -> Exception:
    """Errors of libraries may not survive a pipe; the tree's own always do."""
    if isinstance(error, PipelineError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


class _ReportHandler(logging.Handler):
    def __init__(self, link: SupervisorLink) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        self._link.report(Log(record.levelno, record.name, record.getMessage()))


@contextmanager
def _logging_to(link: SupervisorLink, verbose: bool) -> Iterator[None]:
    handler = _ReportHandler(link)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
