"""Commands of the supervisor to its children: picklable, one type each.

The end of the pipe is the command to stop; it needs no type.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Begin:
    """To a spare process: run ``module.main(pipe, *args)``; `args` are pickled, see `ipc.spare`."""

    module: str
    args: bytes


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A function that the model may call. `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OfferTools:
    """To the network process: the functions that the model may call."""

    tools: tuple[ToolSchema, ...]


@dataclass(frozen=True, slots=True)
class CallTool:
    """To the tools process: run a function. `arguments` is the model's JSON, not yet checked."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CancelTool:
    """To the tools process: the result of this call is not needed any more."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """To the network process: the answer to a call, for the model."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class Say:
    """To the network process: the user types a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class InterruptAnswer:
    """To the network process: the user interrupts the answer without a word."""


@dataclass(frozen=True, slots=True)
class BeginTurn:
    """To the network process: the user begins to speak, at this ``time.monotonic_ns``."""

    at_ns: int
    again: bool = False
    """Whether a network process before this one was told so."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """To the network process: the user has spoken, and wants an answer."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """To the network process: change this session and those to come; None: leave it as it is."""

    instructions: str | None = None
    voice: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """The fields that change, by the names of their settings."""
        named = {"instructions": self.instructions, "voice": self.voice}
        return {name: text for name, text in named.items() if text is not None}


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """To the recorder: an event, as an object of JSON."""

    event: dict[str, Any]


class RecordedTurn(NamedTuple):
    """What one side said, as far as it is known and was heard."""

    role: str
    item_id: str
    words: str


@dataclass(frozen=True, slots=True)
class RecordTurns:
    """To the recorder: the latest turns, the oldest first."""

    turns: tuple[RecordedTurn, ...]
    answers: tuple[tuple[int, int], ...]
    """Ordinals of answer items, and the index of the turn that each belongs to."""


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
    | RecordTurns
)
