"""The tools process: imports the user's files, then runs their functions as the model calls them.

    main thread          the event loop: imports the files, then runs every coroutine
    commands             takes calls and cancellations; ends the process at the end of the pipe
    one for each call    runs a function that is not a coroutine
    reports              sends what the others report

Some libraries work in the main thread alone, so it is the user's. The end must not depend on it:
it may be busy for long. The supervisor reads what is printed here.
"""

import asyncio
import os
import signal
import sys
import threading
from functools import partial
from multiprocessing.connection import Connection
from typing import NoReturn

from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import CallTool, CancelTool, Command
from pipeline.ipc.reports import Report, ToolsLoaded
from pipeline.system.resources import unlimit_math_threads
from pipeline.tools.calls import Calls
from pipeline.tools.loading import load_tools
from pipeline.tools.names import FunctionName
from pipeline.tools.objects import import_function, tools_of


def main(
    pipe: "Connection[Report, Command]",
    verbose: int,
    files: tuple[str, ...],
    functions: tuple[FunctionName, ...] = (),
) -> None:
    """Entry point of the spawned process."""
    unlimit_math_threads()
    if sys.platform != "win32":
        os.setpgrp()  # what tools start belongs to this group, and ends with it
    try:
        run_child(pipe, verbose, partial(_work, files, functions))
    finally:
        _end()


def _work(
    files: tuple[str, ...], functions: tuple[FunctionName, ...], link: SupervisorLink
) -> None:
    loop = asyncio.new_event_loop()
    calls = Calls(loop, link.report)
    threading.Thread(target=_serve, args=(link, calls), name="commands", daemon=True).start()
    tools = {**load_tools(files), **tools_of(map(import_function, functions))}
    link.report(ToolsLoaded(tuple(tool.schema for tool in tools.values())))
    calls.offer(tools)
    loop.run_forever()


def _serve(link: SupervisorLink, calls: Calls) -> None:
    """Carry out commands until the supervisor says stop or is gone, then end the process."""
    try:
        while not link.stopped:
            command = link.receive(None)
            if isinstance(command, CallTool | CancelTool):
                calls.handle(command)
    finally:
        _end()


def _end() -> NoReturn:
    """End the process and the programs that tools have started at once, whatever still runs."""
    if sys.platform != "win32":
        os.killpg(0, signal.SIGTERM)
    os._exit(0)
