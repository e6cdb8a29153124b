"""The service's events, reduced to what the conversation needs of each."""

from pipeline.network.event_ids import ANSWER, DELETION, TRUNCATION, kind_of, number_of
from pipeline.structs import Struct

ALREADY_ACTIVE = "conversation_already_has_active_response"
BENIGN_ERRORS = frozenset({"response_cancel_not_active", ALREADY_ACTIVE})
"""Codes that only say that a race was lost."""

BENIGN_PARAMS = frozenset({"audio_end_ms", "item_id"})
"""Fields for which a truncation or deletion that came too late is refused: harmless."""

_BENIGN_WORDS = ("session.type", "already shorter than")
"""Of messages that are harmless whatever their code: the session works, and a truncation came too
late. Some versions of the service send neither code nor parameter with them."""


class SessionCreated(Struct):
    """`expires_at_s` is when the service ends the session, in seconds of ``time.time``."""

    session_id: str
    expires_at_s: float | None = None


class SessionUpdated(Struct):
    """The service has accepted the client's settings."""

    expires_at_s: float | None = None


class SpeechStarted(Struct):
    """`start_ms` is the position in the session's audio, prefix padding included.

    `known`: the ears have interrupted an answer for this voice already.
    """

    item_id: str = ""
    start_ms: int | None = None
    known: bool = False


class SpeechStopped(Struct):
    """`end_ms` is the position in the session's audio."""

    item_id: str = ""
    end_ms: int | None = None


class AudioBufferCleared(Struct):
    """The service has dropped all audio that it had not committed."""


class TurnCommitted(Struct):
    """The user's turn is an item of the conversation, and to be answered."""

    item_id: str = ""


class UserTranscript(Struct):
    """The service's understanding of the user's turn; empty if its transcription failed."""

    text: str
    item_id: str = ""


class ResponseCreated(Struct):
    """The service begins an answer."""

    response_id: str


class AudioDelta(Struct):
    """PCM16, 24 kHz, mono; any length, even an odd number of bytes."""

    response_id: str
    item_id: str
    pcm: bytes


class AudioDone(Struct):
    """All audio of an item has come."""

    response_id: str
    item_id: str


class WordsDelta(Struct):
    """Text of the answer: the transcript of its audio, or its text if it has no audio.

    It may begin or end with half a surrogate pair, whose other half is in the next delta.
    """

    response_id: str
    text: str
    spoken: bool = True
    """Whether it is the transcript of audio."""


class WordsDone(Struct):
    """All words of an answer have come."""

    response_id: str


class WordTime(Struct):
    """A word of an answer sounds `start_ms` after the beginning of its item's audio."""

    response_id: str
    item_id: str
    word: str
    start_ms: int


class FunctionCalled(Struct):
    """The model calls a function; `arguments` is its JSON, not checked."""

    response_id: str
    call_id: str
    name: str
    arguments: str


class ResponseDone(Struct):
    """`status` is completed, cancelled, incomplete or failed; `reason` explains the others."""

    response_id: str
    status: str
    reason: str


class ServiceError(Struct):
    """`param` and `event_id` name the client's event that caused the error, and its field."""

    code: str
    message: str
    param: str = ""
    event_id: str = ""

    @property
    def benign(self) -> bool:
        """Whether the error changes nothing for the conversation."""
        return (
            self.code in BENIGN_ERRORS
            or self.param in BENIGN_PARAMS
            or kind_of(self.event_id) in (TRUNCATION, DELETION)
            or any(words in self.message for words in _BENIGN_WORDS)
        )

    @property
    def about_answers(self) -> bool:
        """Whether the error may be about an answer: no other event of the client's caused it."""
        return kind_of(self.event_id) in ("", ANSWER)

    @property
    def request_number(self) -> int | None:
        """The request for an answer that caused the error, if it is known."""
        return number_of(self.event_id) if kind_of(self.event_id) == ANSWER else None


class Unhandled(Struct):
    """An event that changes nothing for this client."""


Event = (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | TurnCommitted
    | AudioBufferCleared
    | UserTranscript
    | ResponseCreated
    | AudioDelta
    | AudioDone
    | WordsDelta
    | WordsDone
    | WordTime
    | FunctionCalled
    | ResponseDone
    | ServiceError
    | Unhandled
)

TurnEvent = SpeechStopped | UserTranscript | ResponseCreated | FunctionCalled | ResponseDone
"""Events with which a turn begins, gets its words or ends."""
