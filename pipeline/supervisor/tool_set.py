"""All functions that the model may call: those of the tools process, and those of the caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline.config.settings import Settings
from pipeline.errors import SettingsError, ToolError
from pipeline.ipc.commands import CallTool, CancelTool, OfferTools, ToolOutput, ToolSchema
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import ToolEnded, ToolReturned, ToolsLoaded
from pipeline.supervisor.tool_process import ToolProcess
from pipeline.tools.names import FunctionName

if TYPE_CHECKING:  # both import pydantic, which a conversation without such functions needs not
    import asyncio

    from pipeline.supervisor.caller_tools import CallerTools
    from pipeline.tools.schema import Tool


@dataclass(frozen=True, slots=True)
class UserTools:
    """Functions that a program hands over itself, besides files of them.

    :ivar loop: runs the coroutines of the program.
    :ivar caller: functions that run in the program, by name.
    :ivar functions: functions that run in the tools process.
    """

    loop: "asyncio.AbstractEventLoop"
    caller: "Mapping[str, Tool]" = field(default_factory=dict)
    functions: tuple[FunctionName, ...] = ()

    def named_in(self, settings: Settings) -> Settings:
        """Return `settings` that name these too: a session waits for the offer if it has tools."""
        names = (*self.caller, *(name.qualified_name for name in self.functions))
        return replace(settings, tools=(*settings.tools, *names))


class ToolSet:
    """Passes calls on to where the functions are, and offers all of them to the model once.

    :param settings: name the files, the longest time and the choice.
    :param user: functions besides the files.
    :param offer: called with what the model can call.
    :param answer: called exactly once for each call that is not cancelled.
    :param notice: called with sentences for the person.
    """

    def __init__(
        self,
        children: ChildProcesses,
        settings: Settings,
        user: UserTools | None = None,
        *,
        offer: Callable[[OfferTools], None],
        answer: Callable[[ToolOutput], None],
        notice: Callable[[str], None],
    ) -> None:
        self._choice = settings.tool_choice
        self._offer = offer
        self._offered = False
        self._process: ToolProcess | None = None
        if settings.tools or (user and user.functions):
            self._process = ToolProcess(
                children,
                settings.tools,
                settings.tool_timeout_s,
                functions=user.functions if user else (),
                verbose=settings.verbose,
                answer=answer,
                notice=notice,
            )
        self._caller = (
            _caller_tools(user, children, settings.tool_timeout_s, answer)
            if user and user.caller
            else None
        )

    def start(self) -> None:
        """Start the tools process, or offer what needs none.

        :raises SettingsError: the choice needs functions, and there are none.
        """
        if not (self._process or self._caller or self._choice in ("auto", "none")):
            raise SettingsError(
                f"--tool-choice is {self._choice!r}, but the model has no functions to call: name "
                "a file of them with --tools, or leave --tool-choice out."
            )
        if self._process is not None:
            self._process.start()
        elif self._caller is not None:
            self._offer_all(())

    def handle(
        self, report: ToolsLoaded | CallTool | CancelTool | ToolReturned | ToolEnded
    ) -> None:
        """Handle what the network process asks for and what the tools process reports.

        :raises ToolError, SettingsError: two functions have one name, or the choice names none.
        """
        caller, process = self._caller, self._process
        if isinstance(report, ToolsLoaded) and not self._offered:
            self._offer_all(report.tools)
        if isinstance(report, CallTool) and caller and (not process or caller.knows(report.name)):
            caller.call(report)
            return
        if isinstance(report, CancelTool) and caller:
            caller.cancel(report)
        if process is not None:
            process.handle(report)

    def enforce_limits(self) -> None:
        """Give up calls that take too long; call this a few times a second."""
        for part in (self._process, self._caller):
            if part is not None:
                part.enforce_limits()

    def close(self) -> None:
        """Cancel the calls that run in the program; those in a process end with it."""
        if self._caller is not None:
            self._caller.close()

    def _offer_all(self, loaded: tuple[ToolSchema, ...]) -> None:
        tools = (*loaded, *(self._caller.schemas if self._caller else ()))
        names = [tool.name for tool in tools]
        for name in names:
            if names.count(name) > 1:
                raise ToolError(f"Two tools are named {name}: rename one of them.")
        if self._choice not in ("auto", "none", "required", *names):
            raise SettingsError(
                f"--tool-choice is {self._choice!r}, expected auto, none, required, "
                f"or one of the tools: {', '.join(names)}."
            )
        self._offered = True
        self._offer(OfferTools(tools))


def _caller_tools(
    user: UserTools,
    children: ChildProcesses,
    timeout_s: float,
    answer: Callable[[ToolOutput], None],
) -> "CallerTools":
    from pipeline.supervisor.caller_tools import CallerTools

    return CallerTools(
        user.caller, user.loop, timeout_s, call_soon=children.call_soon, answer=answer
    )
