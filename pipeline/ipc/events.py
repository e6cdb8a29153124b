"""What a conversation tells its user: events of `pipeline.VoiceSession` and of ``--json-events``.

Processes report them to the supervisor, which passes them on. They are picklable facts.
"""

import time
from dataclasses import field
from typing import NamedTuple

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


class RecordingEnded(Event):
    """The speaker's recording cannot be continued, for a reason of the system's; playback can."""

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
    broken_off: bool = False
    """Whether it ends where the connection ended, so that its rest is missing."""


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
