"""The supervisor's side of its child processes: spawn, hear, end."""

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn, Self

from pipeline.errors import PipelineError, ProcessDiedError
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import Failed, Report
from pipeline.system.signals import ending_signals_ignored, sigint_blocked


def _raise(error: PipelineError) -> NoReturn:
    raise error


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """One spawned process."""

    name: str
    process: BaseProcess
    pipe: "Connection[Command, Report]"
    may_end: bool
    on_error: Callable[[PipelineError], None]

    def send(self, command: Command) -> None:
        """Give it an order; nothing happens if it has just ended."""
        with suppress(OSError):
            self.pipe.send(command)


class ChildFailedError(ProcessDiedError):
    """A child reported an error that is not in the tree; `traceback` is the child's own."""

    def __init__(self, sentence: str, traceback: str) -> None:
        super().__init__(sentence)
        self.traceback = traceback


class ChildProcesses:
    """Spawned processes, each at the other end of a pipe. Leaving the context ends them all."""

    STOP_S = 0.7
    """How long they may take to end by themselves before they are killed."""

    def __init__(self) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._children: dict[Connection[Command, Report], ChildProcess] = {}

    def spawn(
        self,
        name: str,
        module: str,
        *args: object,
        may_end: bool = False,
        on_error: Callable[[PipelineError], None] = _raise,
    ) -> ChildProcess:
        """Run ``module.main(pipe, *args)`` in a new process.

        :param may_end: whether ending by itself, with exit code 0, is what it should do.
        :param on_error: called by `reports` when it failed, or ended when it should not.
        """
        ours, theirs = self._spawn.Pipe(duplex=True)
        process = self._spawn.Process(
            target=_enter, args=(module, theirs, *args), name=name, daemon=True
        )
        with sigint_blocked():
            process.start()
        theirs.close()
        child = self._children[ours] = ChildProcess(name, process, ours, may_end, on_error)
        return child

    @property
    def alive(self) -> bool:
        """Whether any child has not ended yet."""
        return bool(self._children)

    def reports(self, timeout_s: float) -> Iterator[Report]:
        """What the children say within `timeout_s`, if anything.

        :raises PipelineError: a child failed or ended when it should not, unless its `on_error`
            thinks otherwise.
        """
        for pipe in wait(list(self._children), timeout_s):
            child = self._children.get(pipe)  # type: ignore[call-overload]
            if child is None:  # ended by whoever handled an earlier report
                continue
            try:
                report = child.pipe.recv()
            except (EOFError, OSError):
                self._ended(child)
                continue
            if isinstance(report, Failed):
                self.kill(child)
                child.on_error(_error_of(child.name, report))
            else:
                yield report

    def kill(self, child: ChildProcess) -> None:
        """End a child at once, with the programs it has started if it leads a process group."""
        self._children.pop(child.pipe, None)
        child.pipe.close()
        if sys.platform != "win32" and child.process.pid is not None:
            # There is such a group only if the child made one; it may outlive the child.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
        child.process.kill()
        child.process.join()
        child.process.close()

    def stop(self) -> None:
        """Ask all to end by closing their pipes, wait, and kill who does not."""
        for child in self._children.values():
            child.pipe.close()
        deadline_s = time.monotonic() + self.STOP_S
        for child in list(self._children.values()):
            child.process.join(max(0.0, deadline_s - time.monotonic()))
            self.kill(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with ending_signals_ignored():
            self.stop()

    def _ended(self, child: ChildProcess) -> None:
        child.process.join(self.STOP_S)
        exit_code = child.process.exitcode
        self.kill(child)
        # None: on a busy machine it takes its time to go, but it has said all that it had to.
        if exit_code not in (0, None) or not child.may_end:
            child.on_error(
                ProcessDiedError(
                    f"The {child.name} process ended unexpectedly (exit code {exit_code}): "
                    "start again, with --verbose to see more."
                )
            )


def _enter(module: str, pipe: "Connection[Report, Command]", *args: Any) -> None:  # noqa: ANN401
    """First function of a child. The supervisor itself never imports what its children need."""
    importlib.import_module(module).main(pipe, *args)


def _error_of(name: str, failed: Failed) -> PipelineError:
    if isinstance(failed.error, PipelineError):
        failed.error.add_note(failed.traceback)
        return failed.error
    return ChildFailedError(f"The {name} process failed: {failed.error}", failed.traceback)
