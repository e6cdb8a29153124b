"""What the processes tell the supervisor: small picklable facts, one type each.

The network process also sends `CallTool` and `CancelTool`, for the supervisor to pass on.

They go over a pipe, never through shared memory: nothing here is urgent, and a late report changes
neither the sound nor a cut. The `Droppable` ones may be lost in a flood; the others never are.
"""

from dataclasses import dataclass
from typing import NamedTuple

from pipeline.ipc.commands import CallTool, CancelTool, ToolSchema


@dataclass(frozen=True, slots=True)
class Started:
    """A part of the pipeline works from now on: network, microphone or speaker."""

    part: str
    facts: str


@dataclass(frozen=True, slots=True)
class ClockStarted:
    """A card runs: sample *n* passes between it and the pipeline *n* sample times after `start_ns`.

    The time is ``time.monotonic_ns``, and 0 where only the card itself knows.
    """

    part: str
    start_ns: int


class MissedPeriod(NamedTuple):
    """A device period that was not served in time. Times are ``time.monotonic_ns``."""

    due_ns: int
    """When the callback should have begun."""
    done_ns: int
    """When it returned, or when the card said that it had missed one."""


@dataclass(frozen=True, slots=True)
class PeriodsMissed:
    """A card, "microphone" or "speaker", had to go on without us."""

    part: str
    periods: tuple[MissedPeriod, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The process gives up. `error` is a PipelineError, or a RuntimeError that names another."""

    error: Exception
    traceback: str


@dataclass(frozen=True, slots=True)
class Log:
    """A library's message, or the process's own; shown with --verbose, warnings always."""

    level: int
    logger: str
    message: str


@dataclass(frozen=True, slots=True)
class Device:
    """A sound card as PortAudio lists it. Numbers are its own and differ between processes."""

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate_hz: int
    is_default_input: bool
    is_default_output: bool

    def __str__(self) -> str:
        return f"[{self.index}] {self.name} ({self.host_api})"


@dataclass(frozen=True, slots=True)
class DevicesFound:
    """All sound cards, in PortAudio's order."""

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Connecting:
    where: str


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The service accepted the settings and hears the microphone."""

    session_id: str
    model: str
    voice: str


@dataclass(frozen=True, slots=True)
class Listening:
    """The service hears the user speak."""


@dataclass(frozen=True, slots=True)
class Processing:
    """The user has finished; an answer is being made."""


@dataclass(frozen=True, slots=True)
class UserSaid:
    """What the service understood; empty if nothing or if transcription failed."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantSaid:
    """The next piece of the answer's words."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantDone:
    """The words of the answer are complete, or will not go on."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user cut the answer off after `heard_ms` of it."""

    heard_ms: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything has been heard; it is the user's turn."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; the conversation goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class EventRead:
    """An event of the service, for --verbose."""

    kind: str
    at_ns: int
    """``time.monotonic_ns`` at which it had been read."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What was done about an unusual event, for --verbose."""

    message: str


@dataclass(frozen=True, slots=True)
class ToolsLoaded:
    """The user's files are imported; these functions can be called."""

    tools: tuple[ToolSchema, ...]


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """What the model shall hear of a call: JSON of the result, or a sentence about the error."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """The function of a call occupies the tools process no longer, however it ended."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ToolPrinted:
    """A line that a tool wrote to standard output or standard error."""

    line: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A recorded input has been spoken and answered: nothing more will happen."""


Report = (
    Started
    | ClockStarted
    | PeriodsMissed
    | Failed
    | Log
    | DevicesFound
    | Connecting
    | SessionReady
    | Listening
    | Processing
    | UserSaid
    | AssistantSaid
    | AssistantDone
    | Interrupted
    | Ready
    | Notice
    | EventRead
    | Trace
    | ToolsLoaded
    | ToolReturned
    | ToolEnded
    | ToolPrinted
    | CallTool
    | CancelTool
    | Finished
)

Droppable = Log | EventRead | Trace | ToolPrinted
"""Reports that only inform a person. A library, a service or a tool can make any number of them,
so most of a flood is dropped. All others come at the pace of a conversation (words, turns, calls)
or once in the life of a process: they are kept, and cannot fill the memory."""
