"""The supervisor's side of its child processes: spawn, hear, end."""

import logging
import queue
import signal
import time
from collections.abc import Callable, Iterator
from typing import NoReturn, Self

from pipeline.errors import PipelineError
from pipeline.ipc.child_process import (
    STOP_S,
    ChildFailedError,
    ChildProcess,
    Ended,
    Inbox,
    Posted,
    Printed,
)
from pipeline.ipc.commands import Begin
from pipeline.ipc.dropping_queue import DroppingQueue
from pipeline.ipc.events import Log
from pipeline.ipc.reports import Report
from pipeline.system.signals import ending_signals_blocked, ending_signals_ignored

_log = logging.getLogger(__name__)


Printer = Callable[[str], Report]
"""Makes a report of a line that a child writes to a standard stream."""


def _raise(error: PipelineError) -> NoReturn:
    raise error


def logged_line(line: str) -> Report:
    """Make a report of what Python prints, which is shown with --verbose."""
    return Log(logging.INFO, "stderr", line)


def library_line(line: str) -> Report:
    """Make a report of what a sound library prints, which is shown with --verbose twice only."""
    return Log(logging.DEBUG, "stderr", line)


class ChildProcesses:
    """Spawned processes, each at the other end of a pipe. Leaving the context ends them all.

    :param notice: called with a sentence about each process that cannot be ended.
    :param late: called with what the processes report while they end.
    """

    REAP_S = 1.0
    """How long a killed process may take to go before it is left behind."""

    _REPORTS_AT_ONCE = 100

    def __init__(
        self,
        notice: Callable[[str], None] = _log.warning,
        late: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._notice = notice
        self._late = late
        self._inbox: Inbox = DroppingQueue()
        self._on_error: dict[ChildProcess, Callable[[PipelineError], None]] = {}
        self._may_end: set[ChildProcess] = set()
        self._unreaped: list[ChildProcess] = []

    def spawn(
        self,
        name: str,
        module: str,
        *args: object,
        may_end: bool = False,
        on_error: Callable[[PipelineError], None] = _raise,
        printed: Printer = logged_line,
    ) -> ChildProcess:
        """Run ``module.main(pipe, *args)`` in a new process.

        :param may_end: whether it is expected to end by itself, with exit code 0.
        :param on_error: called by `reports` when it failed, or ended when it should not.
        """
        with ending_signals_blocked():  # until the child is known here, and ended with the others
            child = ChildProcess(name, module, args, self._inbox, printed)
            self._on_error[child] = on_error
            if may_end:
                self._may_end.add(child)
        return child

    def give_work(
        self,
        spare: ChildProcess,
        name: str,
        work: Begin,
        *,
        on_error: Callable[[PipelineError], None],
        printed: Printer,
    ) -> None:
        """Let a spare process do `work` from now on, as if it had been spawned for that."""
        self._on_error[spare] = on_error
        spare.begin(name, printed, work)

    def call_soon(self, action: Callable[[], None]) -> None:
        """Let `reports` call `action`, at once if it waits. Any thread may call this."""
        self._inbox.put((None, Posted(action)))

    @property
    def alive(self) -> bool:
        """Whether any child has not ended yet."""
        return bool(self._on_error)

    def reports(self, timeout_s: float) -> Iterator[Report]:
        """Yield what the children report: wait up to `timeout_s` for the first report only.

        Yields at most 100, so that a flood does not keep the caller from its other work.

        :raises PipelineError: a child failed or ended when it should not, unless its `on_error`
            takes the error.
        :raises Exception: what an action of `call_soon` raises.
        """
        for _ in range(self._REPORTS_AT_ONCE):
            try:
                child, news = self._inbox.get(timeout_s)
            except queue.Empty:
                return
            timeout_s = 0.0
            if isinstance(news, Posted):
                news.action()
            elif isinstance(news, Printed):
                yield news.report
            elif child is None or child not in self._on_error:  # killed meanwhile
                continue
            elif isinstance(news, Ended):
                self._handle_end(child, news)
            else:
                yield news

    def kill(self, child: ChildProcess) -> None:
        """Kill a child, and the programs that it has started if it leads a process group."""
        self._on_error.pop(child, None)
        child.kill()
        if not child.reap(self.REAP_S):
            self._unreaped.append(child)

    def stop(self) -> None:
        """Ask all to end, wait, kill those that have not, and tell which of them remain."""
        children = [*self._on_error, *self._unreaped]
        self._on_error.clear()
        self._unreaped.clear()
        for child in children:
            child.hang_up()
        deadline_s = time.monotonic() + STOP_S
        for child in children:
            child.wait_ended(deadline_s - time.monotonic())
        for child in children:
            child.kill()
        deadline_s = time.monotonic() + self.REAP_S
        for child in children:
            if child.reap(deadline_s - time.monotonic()):
                child.release()
            else:
                self._leave_behind(child)
        self._hear_the_rest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with ending_signals_ignored():
            self.stop()

    def _hear_the_rest(self) -> None:
        while True:
            try:
                _, news = self._inbox.get(0.0)
            except queue.Empty:
                return
            if not isinstance(news, Posted | Printed | Ended):
                self._late(news)

    def _leave_behind(self, child: ChildProcess) -> None:
        self._notice(
            f"The {child.name} process (id {child.process.pid}) cannot be ended: the system holds "
            "it in a call, of a driver or a file system. It ends when that returns."
        )

    def _handle_end(self, child: ChildProcess, end: Ended) -> None:
        on_error = self._on_error[child]
        self.kill(child)
        exit_code = child.process.exitcode if end.exited else None
        if end.error is not None:
            on_error(end.error)
        # None: on a busy machine it ends slowly, but it has reported all that it had to.
        elif exit_code not in (0, None) or child not in self._may_end:
            on_error(
                ChildFailedError(f"The {child.name} process ended unexpectedly ({_way(exit_code)})")
            )


def _way(exit_code: int | None) -> str:
    """How a process ended, in a person's words."""
    if exit_code is None:
        return "it reports nothing any more"
    if exit_code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"signal {names.get(-exit_code, -exit_code)}"
    return f"exit code {exit_code}"
