"""Replaces a process that ended or hangs, so that the conversation goes on.

| what happened                                               | what follows                       |
|-------------------------------------------------------------|------------------------------------|
| it ended by itself, by a signal or by an unexpected error   | a new process                      |
| no sign of life for 3 s while the supervisor watched        | it is killed; a new process        |
| its sound card went away                                    | a new process, which waits for it  |
| a `PipelineError` of its own, such as a refused key         | the run ends with this sentence    |
| a fourth time within a minute                               | the run ends with what it died of; |
|                                                             | without ears, it goes on           |
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from pipeline.errors import CardLostError, PipelineError
from pipeline.ipc.child_process import ChildFailedError, ChildProcess
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Notice, Trace
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report
from pipeline.shm.watchdog import Standstill

PATIENCE_S = 3.0
"""Longer than reopening a card takes."""

START_PATIENCE_S = 60.0
"""How long a new process may take to its first sign of life, on a busy machine too."""


class Spawn(Protocol):
    """Starts a process; `on_error` is for `ChildProcesses.spawn`."""

    def __call__(self, *, on_error: Callable[[PipelineError], None]) -> ChildProcess: ...


class ReplacementLimit:
    """Allows 3 replacements within a minute."""

    MOST = 3
    WITHIN_S = 60.0

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=self.MOST)

    def allows(self, now_s: float) -> bool:
        """Whether one more is allowed; then it is counted."""
        if len(self._times_s) == self.MOST and now_s - self._times_s[0] < self.WITHIN_S:
            return False
        self._times_s.append(now_s)
        return True


class ReplaceableProcess:
    """A process of a given name, whichever process that is at the moment.

    :param spawn: starts it, the first one and each new one.
    :param sign: changes a few times a second while the process works; see `Standstill`.
    :param goes_on: what the person is told that a new process does, such as "plays on".
    :param report: told of each replacement.
    :param now_s: a clock in seconds, such as ``time.monotonic``.
    :param give_up: called instead of raising when it has been replaced too often: the conversation
        goes on without it.
    """

    def __init__(
        self,
        children: ChildProcesses,
        spawn: Spawn,
        sign: Callable[[], object],
        *,
        goes_on: str,
        report: Callable[[Report], None],
        now_s: Callable[[], float],
        give_up: Callable[[ChildFailedError], None] | None = None,
    ) -> None:
        self._children = children
        self._give_up = give_up
        self._given_up = False
        self._spawn = spawn
        self._sign = sign
        self._goes_on = goes_on
        self._report = report
        self._now_s = now_s
        self._limit = ReplacementLimit()
        self._start()

    def send(self, command: Command) -> None:
        """Queue a command; nothing happens if the process has been given up."""
        if not self._given_up:
            self._child.send(command)

    def check(self) -> None:
        """Replace the process if it hangs; call this a few times a second.

        :raises PipelineError: it has been replaced too often.
        """
        if self._given_up:
            return
        self._watch.look(self._now_s())
        patience_s = PATIENCE_S if self._watch.moved else START_PATIENCE_S
        if self._watch.standing_s > patience_s:
            self._children.kill(self._child)
            self._replace(
                ChildFailedError(
                    f"The {self._child.name} process did not work for {patience_s:g} s"
                )
            )

    def _start(self) -> None:
        self._watch = Standstill(self._sign)
        self._child = self._spawn(on_error=self._handle_error)

    def _handle_error(self, error: PipelineError) -> None:
        if isinstance(error, CardLostError):
            self._report(Trace(f"{error} It is opened again as soon as it is there."))
            self._start()
        elif isinstance(error, ChildFailedError):
            self._replace(error)
        else:
            raise error

    def _replace(self, error: ChildFailedError) -> None:
        if not self._limit.allows(self._now_s()):
            if self._give_up is None:
                raise error
            self._given_up = True
            self._give_up(error)
            return
        self._report(Notice(f"{error.what}: a new one {self._goes_on}."))
        for traceback in getattr(error, "__notes__", ()):
            self._report(Trace(traceback))
        self._start()
