"""The frame of every child process: it reports to the supervisor, and ends when told to.

One duplex pipe joins a child to the supervisor. Its end of file means "stop": the supervisor
closes it to end a child, and the system closes it if the supervisor is killed, so that no child
outlives it. A parent's process id would not do: it may be reused, and it changes late. A signal
to all processes of the program ends no child (`system/signals.py`).
"""

import faulthandler
import gc
import importlib
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import ModuleType, TracebackType
from typing import Any, NoReturn, Self

from pipeline.errors import PipelineError
from pipeline.ipc.commands import Command
from pipeline.ipc.dropping_queue import DroppingQueue
from pipeline.ipc.events import Log
from pipeline.ipc.output import InheritableFd
from pipeline.ipc.reports import Droppable, Failed, Report
from pipeline.system.resources import limit_math_threads, refusal
from pipeline.system.signals import end_left_to_supervisor
from pipeline.system.stdio import STDERR_FD, direct_output_to


def enter(
    module: str,
    output: InheritableFd,
    pipe: "Connection[Report, Command]",
    *args: Any,  # noqa: ANN401 - whatever `module` expects
) -> None:
    """Run ``module.main(pipe, *args)``; the first function of every child.

    From here on the supervisor reads what the process prints, the words of a crash included.
    """
    direct_output_to(output.fd)
    faulthandler.enable(STDERR_FD)
    limit_math_threads()
    try:
        main = load(module).main
    except Exception as error:  # noqa: BLE001 - the system may refuse memory or threads
        pipe.send(Failed(_sendable(error), traceback.format_exc()))
        return
    main(pipe, *args)
    _end()


def load(module: str) -> ModuleType:
    """Import a module for the rest of the process's life: garbage collection leaves it alone."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def _end() -> NoReturn:
    """End the process, which has closed and reported everything.

    The interpreter's own end gives back each object, for 0.1 s of processor time, and unloads
    libraries in which a thread may still be at work: a model computes and cannot be interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # a program without a console has none
            stream.flush()
    os._exit(0)


class SupervisorLink:
    """A child's end of the pipe. `report` never waits, so an event loop may call it.

    :ivar stopped: whether the supervisor said stop or is gone, as far as `receive` has seen.
    """

    def __init__(self, pipe: "Connection[Report, Command]") -> None:
        self._pipe = pipe
        self.stopped = False
        self._queue: DroppingQueue[Report | None] = DroppingQueue()
        self._pump = threading.Thread(target=self._send_queued, name="reports", daemon=True)
        self._pump.start()

    def report(self, report: Report) -> None:
        """Queue a report. A `Droppable` one is dropped if 10,000 of them wait already."""
        self._queue.put(report, droppable=isinstance(report, Droppable))

    def receive(self, wait_s: float | None = 0.0) -> Command | None:
        """Take the next command, waiting up to `wait_s` (None: for ever); None if there is none.

        Returns None also when the supervisor said stop or is gone: then `stopped` is true.
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
        supervisor_listens = True
        while (report := self._queue.get()) is not None:
            if supervisor_listens:
                supervisor_listens = self._sent(report)

    def _sent(self, report: Report) -> bool:
        try:
            self._pipe.send(report)
        except OSError:  # the supervisor has closed its end, or is gone
            return False
        return True


def run_child(
    pipe: "Connection[Report, Command]", verbose: int, work: Callable[[SupervisorLink], None]
) -> None:
    """Run `work` as the whole life of a spawned process, and report how it failed if it did."""
    with end_left_to_supervisor(), SupervisorLink(pipe) as link, _logging_to(link, verbose):
        try:
            work(link)
        except Exception as error:  # noqa: BLE001 - only the supervisor can handle it
            link.report(Failed(_sendable(error), traceback.format_exc()))


def _sendable(error: Exception) -> Exception:
    """Name an error of a library: unlike the tree's own, it may not survive a pipe."""
    if isinstance(error, PipelineError):
        return error
    if refused := refusal(error):
        return refused
    return RuntimeError(f"{type(error).__name__}: {error}")


class _ReportHandler(logging.Handler):
    def __init__(self, link: SupervisorLink) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._link.report(Log(record.levelno, record.name, record.getMessage()))
        except Exception:  # noqa: BLE001 - a library's message may not fit its arguments
            self.handleError(record)


@contextmanager
def _logging_to(link: SupervisorLink, verbose: int) -> Iterator[None]:
    handler = _ReportHandler(link)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
