"""One spawned process as the supervisor sees it. The supervisor's main thread never waits for it.

main thread     start, queue commands, kill, reap (bounded)
NAME reports    receives reports, then waits for the end of the process
NAME output     reads what the process prints
NAME commands   sends commands; starts with the first
"""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

from pipeline.errors import PipelineError, ProcessDiedError
from pipeline.ipc.child import enter
from pipeline.ipc.commands import Begin, Command
from pipeline.ipc.dropping_queue import DroppingQueue
from pipeline.ipc.output import LineLimit, OutputReader
from pipeline.ipc.reports import Droppable, Failed, Report
from pipeline.ipc.sender import CommandSender
from pipeline.ipc.spawning import BareProcess

STOP_S = 0.7
"""How long a process may take to end by itself before it is killed."""

_LAST_LINES_S = 0.3
"""How long to wait for the last printed lines of a process that has ended."""

_JOIN_S = 0.2
_REAP_POLL_S = 0.001
_POLL_S = 0.1 if sys.platform == "win32" else None
"""On Windows no call of ours ends a read of a pipe that another thread has begun."""


class ChildFailedError(ProcessDiedError):
    """A child ended, failed or hung unexpectedly; its own traceback, if there is one, is a note.

    :ivar what: what happened, without a full stop: "The x process ended (signal SIGKILL)".
    """

    def __init__(self, what: str, remedy: str = "Start again with --verbose to see why.") -> None:
        super().__init__(f"{what}. {remedy}")
        self.what = what


@dataclass(frozen=True, slots=True)
class Ended:
    """No more news of a child: `error` if it failed, `exited` if it has ended by itself."""

    error: PipelineError | None
    exited: bool


@dataclass(frozen=True, slots=True)
class Printed:
    """A report made of a line that a child wrote to a standard stream."""

    report: Report


@dataclass(frozen=True, slots=True)
class Posted:
    """Of no child: what another thread wants done by the one that takes the reports."""

    action: Callable[[], None]


News = Report | Printed | Ended | Posted
Inbox = DroppingQueue[tuple["ChildProcess | None", News]]


class ChildProcess:
    """Runs ``module.main(pipe, *args)`` in a process; its news go to `inbox`, at last an `Ended`.

    Create it with the ending signals blocked. The process and the threads inherit that: they are
    left to the main thread.

    :param printed: makes a report of a line that the process prints.
    """

    def __init__(
        self,
        name: str,
        module: str,
        args: tuple[object, ...],
        inbox: Inbox,
        printed: Callable[[str], Report],
    ) -> None:
        self.name = name
        self._inbox = inbox
        self._printed = printed
        self._pipe, theirs = multiprocessing.Pipe(duplex=True)
        self._pipe_lock = threading.Lock()
        self._gives_up = False
        self._received = threading.Event()
        self._sender = CommandSender(name, self._pipe)
        self._output = OutputReader(name, LineLimit(self._print))
        self._receiver = threading.Thread(target=self._receive, name=f"{name} reports", daemon=True)
        self.process = BareProcess(
            target=enter,
            args=(module, self._output.write_end, theirs, *args),
            name=name,
            daemon=True,
        )
        self.process.start()
        theirs.close()
        self._output.start()
        self._receiver.start()

    @property
    def standing(self) -> bool:
        """Whether a signal has stopped the process, as far as the system tells."""
        if sys.platform == "win32" or not hasattr(os, "waitid"):
            return False
        with suppress(ChildProcessError):
            options = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.process.pid or 0, options) is not None
        return False

    def begin(self, name: str, printed: Callable[[str], Report], work: Begin) -> None:
        """Give a spare process its work, by which it is known from now on."""
        self.name = self.process.name = name
        self._printed = printed
        self.send(work)

    def send(self, command: Command) -> None:
        """Queue a command; nothing happens if the process has just ended."""
        if not self._sender.send(command):
            error = ChildFailedError(f"The {self.name} process does not read its commands any more")
            self._inbox.put((self, Ended(error, exited=False)))

    def hang_up(self) -> None:
        """Ask the process to end: it reads the end of the pipe. Its last reports still come."""
        if sys.platform == "win32":
            self._gives_up = True  # there a pipe has no half; the receiver closes all of it
        else:
            self._shut_down(socket.SHUT_WR)

    def wait_ended(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for the end of the process; does not reap it."""
        if wait([self.process.sentinel], max(0.0, timeout_s)):
            self._received.wait(_JOIN_S)

    def kill(self) -> None:
        """Kill the process, and the programs that it started if it leads a process group."""
        self._gives_up = True
        if sys.platform != "win32":
            self._shut_down(socket.SHUT_RDWR)
        pid = self.process.pid
        self.process.kill()
        if sys.platform != "win32" and pid is not None and not _is_reaped(pid):
            # There is such a group only if the child made one; it may outlive the child.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def reap(self, within_s: float) -> bool:
        """Wait for the end of a killed process; False if the system still holds it then.

        A driver can hold a process in a system call that no signal ends.
        """
        deadline_s = time.monotonic() + within_s
        while self.process.exitcode is None:  # `join` may wait for programs that it has forked
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_REAP_POLL_S)
        self.process.join()
        return True

    def release(self) -> None:
        """Wait for the threads of a reaped process, which end soon after it, and close its files.

        Bounded. The garbage collector would close them too, at some later time.
        """
        self._receiver.join(_JOIN_S)
        if not self._receiver.is_alive():  # it may look at the process
            self.process.close()

    def _print(self, line: str) -> None:
        self._inbox.put((self, Printed(self._printed(line))), droppable=True)

    def _shut_down(self, way: int) -> None:
        # Closing would do nothing while a thread of ours is blocked in a write to the pipe.
        with (
            self._pipe_lock,
            suppress(OSError),
            socket.socket(fileno=os.dup(self._pipe.fileno())) as end,
        ):
            end.shutdown(way)

    def _receive(self) -> None:
        error = self._receive_reports()
        self._received.set()
        self.hang_up()
        self._sender.stop(_JOIN_S)
        with self._pipe_lock:
            self._pipe.close()
        exited = bool(wait([self.process.sentinel], STOP_S))
        self._output.join(_LAST_LINES_S)
        self._inbox.put((self, Ended(error, exited)))

    def _receive_reports(self) -> PipelineError | None:
        """Pass reports on until there are no more, or until one says what failed."""
        try:
            while not self._gives_up:
                if not self._pipe.poll(_POLL_S):
                    continue
                report = self._pipe.recv()
                if isinstance(report, Failed):
                    return _error_of(self.name, report)
                self._inbox.put((self, report), droppable=isinstance(report, Droppable))
        except (EOFError, OSError):
            return None
        except Exception as error:  # noqa: BLE001 - whatever unpickling raises
            return ChildFailedError(f"The {self.name} process sent something unreadable: {error!r}")
        return None


def _error_of(name: str, failed: Failed) -> PipelineError:
    error = failed.error
    if not isinstance(error, PipelineError):
        error = ChildFailedError(f"The {name} process failed ({error})")
    error.add_note(failed.traceback)
    return error


def _is_reaped(pid: int) -> bool:
    """Whether the id may belong to another process by now. macOS tells from Python 3.13 on."""
    if sys.platform == "win32" or not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False
