"""Functions that run in the program that uses the library, and their limits.

Coroutines run on the program's event loop, every other function in a thread of its own. They share
their interpreter with the supervisor, which waits for none of them: a function that holds the
interpreter delays neither the sound, nor an interruption, nor the microphone.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

from pipeline.ipc.commands import CallTool, CancelTool, ToolOutput, ToolSchema
from pipeline.ipc.reports import Report, ToolReturned
from pipeline.tools.calls import Calls
from pipeline.tools.schema import Tool


class CallerTools:
    """Calls `tools`, and answers each call that is not cancelled exactly once.

    :param loop: runs the coroutines.
    :param call_soon: runs an action in the supervisor's thread.
    :param answer: called there with each answer.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        *,
        call_soon: Callable[[Callable[[], None]], None],
        answer: Callable[[ToolOutput], None],
    ) -> None:
        self._tools = tools
        self._timeout_s = timeout_s
        self._call_soon = call_soon
        self._answer = answer
        self._until_s: dict[str, float] = {}
        self._calls = Calls(loop, self._report)
        self._calls.offer(tools)

    @property
    def schemas(self) -> tuple[ToolSchema, ...]:
        """What the model can call."""
        return tuple(tool.schema for tool in self._tools.values())

    def knows(self, name: str) -> bool:
        """Whether there is a function of this name."""
        return name in self._tools

    def call(self, command: CallTool) -> None:
        """Start a function."""
        self._until_s[command.call_id] = time.monotonic() + self._timeout_s
        try:
            self._calls.handle(command)
        except RuntimeError:
            self._end(command.call_id, "error: the program's event loop is closed")

    def cancel(self, command: CancelTool) -> None:
        """Cancel a call; it is not answered. A function in a thread goes on."""
        self._until_s.pop(command.call_id, None)
        self._cancel(command)

    def enforce_limits(self) -> None:
        """Give up calls that take too long; call this a few times a second."""
        now_s = time.monotonic()
        for call_id in [id_ for id_, until_s in self._until_s.items() if now_s > until_s]:
            self._end(call_id, f"error: the function took longer than {self._timeout_s:g} s")
            self._cancel(CancelTool(call_id))

    def close(self) -> None:
        """Cancel all calls."""
        for call_id in list(self._until_s):
            self.cancel(CancelTool(call_id))

    def _cancel(self, command: CancelTool) -> None:
        try:
            self._calls.handle(command)
        except RuntimeError:  # the event loop is closed
            return

    def _report(self, report: Report) -> None:
        """Take a report of a call, in whichever thread it runs."""
        if isinstance(report, ToolReturned):
            self._call_soon(partial(self._end, report.call_id, report.output))

    def _end(self, call_id: str, output: str) -> None:
        if self._until_s.pop(call_id, None) is not None:
            self._answer(ToolOutput(call_id, output))
