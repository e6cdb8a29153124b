"""Commands of the supervisor to its children: picklable, one type each.

The end of the pipe is the command to stop; it needs no type.
"""

from typing import Any

from pipeline.structs import Struct


class Begin(Struct):
    """To a spare process: run ``module.main(pipe, *args)``; `args` are pickled, see `ipc.spare`."""

    module: str
    args: bytes


class ToolSchema(Struct):
    """A function that the model may call. `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


class OfferTools(Struct):
    """To the network process: the functions that the model may call."""

    tools: tuple[ToolSchema, ...]


class CallTool(Struct):
    """To the tools process: run a function. `arguments` is the model's JSON, not yet checked."""

    call_id: str
    name: str
    arguments: str


class CancelTool(Struct):
    """To the tools process: the result of this call is not needed any more."""

    call_id: str


class ToolOutput(Struct):
    """To the network process: the answer to a call, for the model."""

    call_id: str
    output: str


class Say(Struct):
    """To the network process: the user types a turn."""

    text: str


class InterruptAnswer(Struct):
    """To the network process: the user interrupts the answer without a word."""


class BeginTurn(Struct):
    """To the network process: the user begins to speak, at this ``time.monotonic_ns``."""

    at_ns: int
    again: bool = False
    """Whether a network process before this one was told so."""


class EndTurn(Struct):
    """To the network process: the user has spoken, and wants an answer."""

    at_ns: int


class UpdateSession(Struct):
    """To the network process: change this session and those to come; None: leave it as it is."""

    instructions: str | None = None
    voice: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """The fields that change, by the names of their settings."""
        named = {"instructions": self.instructions, "voice": self.voice}
        return {name: text for name, text in named.items() if text is not None}


class RecordEvent(Struct):
    """To the recorder: an event, as an object of JSON; `number` counts them from 0."""

    number: int
    event: dict[str, Any]


Command = (
    Begin
    | OfferTools
    | CallTool
    | CancelTool
    | ToolOutput
    | Say
    | InterruptAnswer
    | BeginTurn
    | EndTurn
    | UpdateSession
    | RecordEvent
)
