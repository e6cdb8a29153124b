"""Run the calls: coroutines on one event loop, every other function in a thread of its own."""

import asyncio
import inspect
import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.reports import Report, ToolEnded, ToolReturned
from pipeline.tools.answers import (
    ArgumentsError,
    json_of,
    sentence_about_unknown,
    sentence_of,
)
from pipeline.tools.schema import Tool

_log = logging.getLogger("tools")


class Call:
    """One call: answered once, unless it is abandoned, and then ended once."""

    def __init__(self, command: CallTool, report: Callable[[Report], None]) -> None:
        self.id = command.call_id
        self.arguments = command.arguments
        self.task: asyncio.Task[None] | None = None
        self._report = report
        self._lock = threading.Lock()
        self._awaited = True

    def answer(self, output: str) -> None:
        """Answer the model, unless the call is abandoned or answered."""
        with self._lock:
            if self._awaited:
                self._report(ToolReturned(self.id, output))
            self._awaited = False

    def abandon(self) -> None:
        """Suppress the answer, from when this returns."""
        with self._lock:
            self._awaited = False

    def end(self) -> None:
        """Report that the function has returned, raised or been cancelled."""
        self._report(ToolEnded(self.id))

    @contextmanager
    def faults_answered(self) -> Iterator[None]:
        """Answer with whatever a function or its arguments raise; no exception passes."""
        try:
            yield
        except ArgumentsError as error:
            self.answer(str(error))
        except BaseException as error:  # noqa: BLE001 - sys.exit() in one tool must not end the others
            if self._awaited:
                _log.info("%s", "".join(traceback.format_exception(error)))
            self.answer(sentence_of(error))


class Calls:
    """All calls that have not ended. The methods can be called from any thread and never wait.

    A thread cannot be cancelled: a cancelled function in a thread goes on, and its result is
    dropped. Commands that arrive before `offer` are carried out then.

    :param report: called with each report, from any thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Callable[[Report], None]) -> None:
        self._loop = loop
        self._report = report
        self._tools: Mapping[str, Tool] | None = None
        self._early: list[CallTool | CancelTool] = []
        self._running: dict[str, Call] = {}
        self._lock = threading.Lock()

    def offer(self, tools: Mapping[str, Tool]) -> None:
        """Let `tools` be called from now on."""
        with self._lock:
            self._tools = tools
            for command in self._early:
                self._carry_out(command, tools)
            self._early.clear()

    def handle(self, command: CallTool | CancelTool) -> None:
        """Start or cancel a call."""
        with self._lock:
            if self._tools is None:
                self._early.append(command)
            else:
                self._carry_out(command, self._tools)

    def _carry_out(self, command: CallTool | CancelTool, tools: Mapping[str, Tool]) -> None:
        if isinstance(command, CallTool):
            self._start(command, tools)
        elif call := self._running.get(command.call_id):
            call.abandon()
            self._loop.call_soon_threadsafe(_cancel, call)

    def _start(self, command: CallTool, tools: Mapping[str, Tool]) -> None:
        call = self._running[command.call_id] = Call(command, self._report)
        tool = tools.get(command.name)
        if tool is None:
            call.answer(sentence_about_unknown(command.name, list(tools)))
            self._end(call)
        elif tool.is_async:
            self._loop.call_soon_threadsafe(self._start_task, tool, call)
        else:
            self._start_thread(tool, call)

    def _start_task(self, tool: Tool, call: Call) -> None:
        call.task = self._loop.create_task(_run_task(tool, call), name=tool.schema.name)
        call.task.add_done_callback(lambda _: self._end(call))

    def _start_thread(self, tool: Tool, call: Call) -> None:
        thread = threading.Thread(
            target=self._run_thread, args=(tool, call), name=tool.schema.name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system allows no more threads
            call.answer(sentence_of(error))
            self._end(call)

    def _run_thread(self, tool: Tool, call: Call) -> None:
        with call.faults_answered():
            result = tool.function(**tool.keywords(call.arguments))
            call.answer(json_of(tool.schema.name, result))
        self._end(call)

    def _end(self, call: Call) -> None:
        self._running.pop(call.id, None)
        call.end()


async def _run_task(tool: Tool, call: Call) -> None:
    with call.faults_answered():
        result = tool.function(**tool.keywords(call.arguments))
        if inspect.isawaitable(result):  # a decorator may have awaited it already
            result = await result
        call.answer(json_of(tool.schema.name, result))


def _cancel(call: Call) -> None:
    if call.task is not None:
        call.task.cancel()
