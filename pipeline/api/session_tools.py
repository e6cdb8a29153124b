"""The functions of one session, and the event loop that runs their coroutines."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from pipeline.errors import ToolError
from pipeline.supervisor.tool_set import UserTools
from pipeline.tools.names import FunctionName

if TYPE_CHECKING:
    from pipeline.tools.schema import Tool

LEAVING_S = 1.0
"""How long a coroutine that does not return may hold up the end; then its thread is left behind."""


@dataclass(frozen=True, slots=True)
class SessionTools:
    """Functions that a program hands over."""

    caller: "Mapping[str, Tool]" = field(default_factory=dict)
    functions: tuple[FunctionName, ...] = ()

    @classmethod
    def of(
        cls, functions: Sequence[Callable[..., Any]], tools_in: Literal["caller", "process"]
    ) -> Self:
        """Check the functions.

        :raises ToolError: the model could not call one of them.
        """
        if tools_in not in ("caller", "process"):
            raise ToolError(f"tools_in is {tools_in!r}, expected 'caller' or 'process'.")
        if not functions:
            return cls()
        from pipeline.tools.objects import name_of, tools_of  # imports pydantic

        tools = tools_of(functions)
        if tools_in == "caller":
            return cls(caller=tools)
        return cls(functions=tuple(map(name_of, functions)))

    @contextmanager
    def running(self, loop: asyncio.AbstractEventLoop | None) -> Iterator[UserTools | None]:
        """Yield the functions with the loop that runs their coroutines; None if there are none.

        :param loop: the program's; None: it has none, and one in a thread takes its place.
        """
        if not self.caller and not self.functions:
            yield None
        elif loop is not None:
            yield UserTools(loop, self.caller, self.functions)
        else:
            with _loop_in_thread() as own:
                yield UserTools(own, self.caller, self.functions)


@contextmanager
def _loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run_forever, args=(loop,), name="tools", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LEAVING_S)


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels what is left, and closes
        runner.get_loop().run_forever()
