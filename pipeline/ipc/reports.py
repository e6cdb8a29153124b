"""Reports of the processes to the supervisor: picklable facts, one type each.

The network process also sends `CallTool` and `CancelTool`, for the supervisor to pass on.

Those that an `Event` is the base of are what a user of the program as a library is told.

They go over a pipe, never through shared memory: nothing here is urgent, and a late report changes
neither the sound nor a cut. The `Droppable` ones may be lost in a flood; the others never are.
"""

import time
from dataclasses import field
from typing import Literal, NamedTuple

from pipeline.ipc.commands import CallTool, CancelTool, ToolSchema
from pipeline.structs import Struct


class Event(Struct):
    """What a conversation tells its user: the root of all events of `pipeline.VoiceSession`."""

    time_ns: int = field(default_factory=time.monotonic_ns, kw_only=True, compare=False)
    """``time.monotonic_ns`` at which the process that saw it made the event."""


class TraceEvent(Event):
    """An event that only explains what happens. A user who is slow loses the oldest of them."""


class Started(Event):
    """A part of the pipeline has started: network, microphone or speaker."""

    part: str
    facts: str


class ClockStarted(TraceEvent):
    """A card runs: sample `n` passes between it and the pipeline `n` sample times after `start_ns`.

    The time is ``time.monotonic_ns``; 0 where only the card itself knows it.
    """

    part: str
    start_ns: int


class MissedPeriod(NamedTuple):
    """A device period that was not served in time. Times are ``time.monotonic_ns``."""

    due_ns: int
    """When the callback should have begun."""
    done_ns: int
    """When it returned, or when the card said that it had missed one."""


class PeriodsMissed(TraceEvent):
    """A card, "microphone" or "speaker", was not served in time."""

    part: str
    periods: tuple[MissedPeriod, ...]


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


class RecordingEnded(Event):
    """The speaker's recording cannot be continued, for a reason of the system's; playback can."""

    reason: str


class RecorderEnded(Struct):
    """The recording of the conversation cannot be continued, for a reason of the system's."""

    reason: str


class Marked(Event):
    """The user has marked this moment, to find it in a recording."""

    text: str = ""


class Log(TraceEvent):
    """A message of a library or of the process; shown with --verbose, errors always.

    Debug messages are shown with --verbose twice only.
    """

    level: int
    logger: str
    message: str


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


class Connecting(Event):
    """A session with the service at this host begins."""

    where: str


class SessionReady(Event):
    """The service has accepted the settings; the microphone is sent."""

    session_id: str
    model: str
    voice: str


class Listening(Event):
    """The service hears the user speak; with `endpointing="local"` the ears do."""


class Processing(Event):
    """The user has finished speaking; the service prepares an answer."""


class UserSaid(Event):
    """The user's words as the service understood them, or typed; empty if it understood nothing."""

    text: str
    typed: bool = False
    """Whether the program has given them, instead of the user's voice."""


class AssistantSaid(Event):
    """The next words of the answer, as they are heard; with `read_ahead` as they arrive."""

    text: str


class AssistantDone(Event):
    """The answer is over.

    Its words were all reported by `AssistantSaid`; with `read_ahead` also the unheard ones.
    """

    text: str = ""
    """What was heard of it."""
    unheard: str = ""
    """Words of it that had arrived and never sounded."""
    cut: bool = False
    """Whether it was interrupted, or broke off."""


class Interrupted(Event):
    """The user interrupted the answer after hearing `heard_ms` of it."""

    heard_ms: int


class Ready(Event):
    """The whole answer has been heard; it is the user's turn."""


class Notice(Event):
    """A sentence for the person; the conversation continues."""

    message: str


class Opened(Event):
    """The session, the microphone and the speaker work: the person can speak."""


class Announcement(Event):
    """A sentence about the run: the files that take the place of cards, the recording, the tools.

    Unlike a `Notice` it never repeats.
    """

    message: str


class ToolCalled(Event):
    """The model calls a function. `arguments` is its JSON, not checked."""

    call_id: str
    name: str
    arguments: str


class ToolCancelled(Event):
    """The result of a call is not needed any more."""

    call_id: str


class ToolAnswered(Event):
    """What the model is told about a call: JSON of the result, or a sentence about the error."""

    call_id: str
    output: str


class EventRead(TraceEvent):
    """An event of the service, for --verbose."""

    kind: str
    at_ns: int
    """``time.monotonic_ns`` after it was read."""


class Trace(TraceEvent):
    """How an unusual event was handled, for --verbose."""

    message: str


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


class Loudness(NamedTuple):
    """Of a stretch of sound, in dB of full scale; -100: silence."""

    peak_dbfs: float
    rms_dbfs: float


class Levels(TraceEvent):
    """How loud the microphone and the loudspeaker were, since the event before; on request only."""

    microphone: Loudness
    speaker: Loudness


class ToolPrinted(TraceEvent):
    """A line that a tool wrote to standard output or standard error."""

    line: str


class Finished(Event):
    """A recorded input has been spoken, and nothing more is expected: the conversation is over."""

    answered: bool = True
    """Whether each of its turns was answered or interrupted."""


Report = (
    Started
    | ClockStarted
    | PeriodsMissed
    | AtWork
    | Prepared
    | ConversationMemory
    | Failed
    | RecordingEnded
    | RecorderEnded
    | Marked
    | Log
    | DevicesFound
    | CardHeard
    | CardTested
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
    | Opened
    | Announcement
    | ToolCalled
    | ToolCancelled
    | ToolAnswered
    | EventRead
    | Trace
    | Levels
    | ToolsLoaded
    | ToolReturned
    | ToolEnded
    | ToolPrinted
    | CallTool
    | CancelTool
    | Finished
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
