"""Reports of the processes to the supervisor: picklable facts, one type each.

The network process also sends `CallTool` and `CancelTool`, for the supervisor to pass on. What the
user is told is an `Event`; the others are for the supervisor alone.

They go over a pipe, never through shared memory: nothing here is urgent, and a late report changes
neither the sound nor a cut. The `Droppable` ones may be lost in a flood; the others never are.
"""

from typing import Literal, NamedTuple

from pipeline.ipc.commands import CallTool, CancelTool, ToolSchema
from pipeline.ipc.events import (
    Event,
    EventRead,
    Levels,
    Log,
    ToolCalled,
    ToolCancelled,
    ToolPrinted,
    Trace,
)
from pipeline.structs import Struct


class AtWork(Struct):
    """The offline service's event loop runs; reported twice a second."""


class Prepared(Struct):
    """A spare process of this name has imported everything."""

    name: str


class TurnMemory(NamedTuple):
    """What one side said, as far as it is known."""

    role: Literal["user", "assistant"]
    item_id: str
    words: str = ""
    heard: int | None = None
    """Characters of the words that have been heard, while more may be heard; None: all."""


class AnswerMemory(NamedTuple):
    """An answer item of which something is still to be heard."""

    ordinal: int
    generation: int
    received_samples: int
    turn: int
    """Index of its words in `ConversationMemory.turns`."""
    start_samples: int = 0
    """Where it begins in the sound of its answer."""
    marks: tuple[tuple[int, int], ...] = ()
    """Places of words in the sound of its answer: characters, samples."""
    complete: bool = False
    """Whether all sound of its answer has come."""
    breaks_off: bool = False
    """Whether its answer has broken off, or does so if the process dies now."""


class ConversationMemory(Struct):
    """What only the network process knows: the supervisor keeps it for a new one.

    Reported when a turn changes, a few times a second while its words come, and with each word
    that is shown, so that another process shows it no second time.
    """

    turns: tuple[TurnMemory, ...] = ()
    items: int = 0
    """Number of answer items with sound so far: the greatest ordinal."""
    answers: tuple[AnswerMemory, ...] = ()
    calls: tuple[str, ...] = ()
    """Ids of the functions that the model waits for."""
    question_open: bool = False
    """Whether the user's latest turn is still to be answered."""
    question_skipped: bool = False
    """Whether any turn has been left without an answer."""
    reply_owed: bool = False
    """Whether a new session has to answer what this one has not, unless it hears it again."""
    latest_turn_start: int = -1
    """Microphone sample with which the user's latest turn begins; -1: there was none. A new session
    hears the turn again if `NetworkFields.released_samples` is not beyond it."""


class Failed(Struct):
    """The process gives up. `error` is a PipelineError, or a RuntimeError that names another."""

    error: Exception
    traceback: str


class EarsParts(Struct):
    """What the ears have loaded; reported again when a part fails."""

    missing: tuple[str, ...]
    """Packages that they do without."""
    notice_speech: bool
    """Whether the others can tell a person from the echo."""


class RecorderEnded(Struct):
    """The recording of the conversation cannot be continued, for a reason of the system's."""

    reason: str


class Device(Struct):
    """A sound card as PortAudio lists it; the index may differ between processes."""

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate_hz: int
    is_default_input: bool
    is_default_output: bool
    input_latency_ms: float = 0.0
    output_latency_ms: float = 0.0
    """The shortest that the host API suggests."""

    def __str__(self) -> str:
        return f"[{self.index}] {self.name} ({self.host_api})"


class DevicesFound(Struct):
    """All sound cards, in PortAudio's order."""

    devices: tuple[Device, ...]


class CardHeard(Struct):
    """The greatest magnitude, 0 to 32768, of what a microphone under test has just heard."""

    peak: int


class CardTested(NamedTuple):
    """A microphone's recording was played; its level. Fields as in `pipeline.audio.levels`."""

    peak: int
    clipped: int
    samples: int


class ToolsLoaded(Struct):
    """The user's files are imported; the model can call these functions."""

    tools: tuple[ToolSchema, ...]


class ToolReturned(Struct):
    """The answer to a call, for the model: JSON of the result, or a sentence about the error."""

    call_id: str
    output: str


class ToolEnded(Struct):
    """The function of a call has ended in some way and occupies the tools process no longer."""

    call_id: str


Report = (
    Event
    | AtWork
    | Prepared
    | ConversationMemory
    | Failed
    | EarsParts
    | RecorderEnded
    | DevicesFound
    | CardHeard
    | CardTested
    | ToolsLoaded
    | ToolReturned
    | ToolEnded
    | CallTool
    | CancelTool
)

Droppable = AtWork | Log | EventRead | Trace | Levels | ToolPrinted
"""Reports that only inform a person. A library, a service or a tool can make any number of them,
so most of a flood is dropped. All others come at the pace of a conversation (words, turns, calls)
or once in the life of a process: they are kept, and cannot fill the memory."""


def event_of(report: Report) -> Event | None:
    """Return what a report means to the user; None if it is for the supervisor alone."""
    match report:
        case CallTool(call_id, name, arguments):
            return ToolCalled(call_id, name, arguments)
        case CancelTool(call_id):
            return ToolCancelled(call_id)
        case Event():
            return report
        case _:
            return None
