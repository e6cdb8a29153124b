"""The supervisor's side of the tools process: limits, replacement, one answer for each call.

A function that holds the interpreter can neither be cancelled nor asked anything. So every limit is
kept here, and a process that does not return is killed and replaced, as is one that ends. Sound,
microphone and interruptions live in other processes and do not notice.
"""

import time
from collections.abc import Callable

from pipeline.errors import PipelineError
from pipeline.ipc.child_process import ChildFailedError, ChildProcess
from pipeline.ipc.commands import CallTool, CancelTool, ToolOutput
from pipeline.ipc.events import ToolPrinted
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import ToolEnded, ToolReturned, ToolsLoaded
from pipeline.supervisor.replacement import ReplacementLimit
from pipeline.tools.names import FunctionName


class ToolProcess:
    """Calls functions of the user's `files`, and others that can be imported.

    :param answer: called exactly once for each call that is not cancelled.
    :param notice: called with sentences for the person.
    """

    GRACE_S = 1.0
    """How long a cancelled function may take to let go of the process."""

    IMPORT_NOTICE_S = 5.0
    """How long an import may take before the person is told what the conversation waits for."""

    def __init__(
        self,
        children: ChildProcesses,
        files: tuple[str, ...],
        timeout_s: float,
        *,
        functions: tuple[FunctionName, ...] = (),
        verbose: int,
        answer: Callable[[ToolOutput], None],
        notice: Callable[[str], None],
    ) -> None:
        self._children = children
        self._files = files
        self._functions = functions
        self._timeout_s = timeout_s
        self._verbose = verbose
        self._answer = answer
        self._notice = notice
        self._child: ChildProcess | None = None
        self._loaded = False
        self._import_notice_at_s: float | None = None
        self._limit = ReplacementLimit()
        self._unanswered_until_s: dict[str, float] = {}
        self._occupied_until_s: dict[str, float] = {}

    def start(self) -> None:
        """Spawn the process, which imports the files.

        If it cannot, `ChildProcesses.reports` raises the error: the conversation has not begun.
        """
        self._import_notice_at_s = time.monotonic() + self.IMPORT_NOTICE_S
        self._running()

    def handle(
        self, report: ToolsLoaded | CallTool | CancelTool | ToolReturned | ToolEnded
    ) -> None:
        """Handle what the network process asks for and what the tools process reports."""
        match report:
            case ToolsLoaded():
                self._loaded = True
                self._import_notice_at_s = None
            case CallTool():
                self.call(report)
            case CancelTool():
                self.cancel(report)
            case ToolReturned():
                self.returned(report)
            case ToolEnded():
                self.ended(report)

    def call(self, command: CallTool) -> None:
        """Start a function; its answer follows, whatever happens to the process."""
        until_s = time.monotonic() + self._timeout_s
        self._unanswered_until_s[command.call_id] = until_s
        self._occupied_until_s[command.call_id] = until_s + self.GRACE_S
        self._running().send(command)

    def cancel(self, command: CancelTool) -> None:
        """Cancel a call; it is not answered."""
        self._unanswered_until_s.pop(command.call_id, None)
        if command.call_id in self._occupied_until_s:
            self._running().send(command)

    def returned(self, report: ToolReturned) -> None:
        if self._unanswered_until_s.pop(report.call_id, None) is not None:
            self._answer(ToolOutput(report.call_id, report.output))

    def ended(self, report: ToolEnded) -> None:
        self._occupied_until_s.pop(report.call_id, None)

    def enforce_limits(self) -> None:
        """Give up calls that take too long; call this a few times a second."""
        now_s = time.monotonic()
        self._tell_of_slow_import(now_s)
        for call_id, until_s in list(self._unanswered_until_s.items()):
            if now_s > until_s:
                self._refuse(call_id, f"took longer than {self._timeout_s:g} s")
                self._running().send(CancelTool(call_id))
        if any(now_s > until_s for until_s in self._occupied_until_s.values()):
            self._replace()

    def _tell_of_slow_import(self, now_s: float) -> None:
        if self._import_notice_at_s is not None and now_s > self._import_notice_at_s:
            self._import_notice_at_s = None
            names = (*self._files, *(each.qualified_name for each in self._functions))
            self._notice(
                f"Still importing the tools of {', '.join(names)}: the conversation begins when "
                "that is done, which has no time limit."
            )

    def _running(self) -> ChildProcess:
        if self._child is None:
            self._child = self._children.spawn(
                "tools",
                "pipeline.tools.process",
                self._verbose,
                self._files,
                self._functions,
                on_error=self._broken,
                printed=ToolPrinted,
            )
        return self._child

    def _broken(self, error: PipelineError) -> None:
        """Handle a process that ended by itself, or could not import the files (again)."""
        if not self._loaded:
            raise error
        self._child = None
        if isinstance(error, ChildFailedError) and self._limit.allows(time.monotonic()):
            self._give_up(f"{error.what}: a new one is started.")
            self._running()  # at once, so that its start takes no time of the next call
        else:
            self._give_up(f"{error} The next call starts a new process.")
        for traceback in getattr(error, "__notes__", ()) if self._verbose else ():
            for line in traceback.splitlines():
                self._notice(line)

    def _replace(self) -> None:
        if self._child is not None:
            self._children.kill(self._child)
        self._child = None
        self._give_up(
            "A function did not end in time: the tools process was stopped, and another is started."
        )
        self._running()  # at once, so that its start takes no time of the next call

    def _give_up(self, sentence: str) -> None:
        self._notice(sentence)
        self._occupied_until_s.clear()
        for call_id in list(self._unanswered_until_s):
            self._refuse(call_id, "failed, because its process had to be replaced")

    def _refuse(self, call_id: str, why: str) -> None:
        del self._unanswered_until_s[call_id]
        self._answer(ToolOutput(call_id, f"error: the function {why}"))
