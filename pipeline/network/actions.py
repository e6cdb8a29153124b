"""What the conversation wants done around it; reports to the person are actions too."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.ipc.reports import Report


@dataclass(frozen=True, slots=True)
class QueueAudio:
    """Queue samples of an answer item for the loudspeaker."""

    item: int
    """Ordinal of the item, growing in the order in which items are heard."""
    generation: int
    """Interruptions that had happened when the item's response was created."""
    offset_samples: int
    """Position of the first sample within the item."""
    pcm: bytes
    """PCM16, a whole number of samples."""


@dataclass(frozen=True, slots=True)
class EndItem:
    """Mark the end of an item's audio: silence after it is not an underrun."""

    item: int
    generation: int
    offset_samples: int


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Silence everything of older generations, now; `Conversation.cut_settled` is to follow."""

    generation: int


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tell the service how much of an item was heard."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Tell the service that nothing of an item was heard.

    A truncation to 0 ms says the same, but versions of the service have rejected it.
    """

    item_id: str


@dataclass(frozen=True, slots=True)
class SendToolResult:
    """Tell the model the result of a function call."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Ask for an answer: the model's calls are answered, or an earlier session left one owed.

    `number` grows with each request of the conversation: see `Conversation.release`.
    """

    number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Tell a new session a turn of the one before."""

    role: Literal["user", "assistant"]
    words: str


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Tell the service to end a response: the user has interrupted it without a word."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ChangeSession:
    """Tell the service other instructions or another voice; None: as they are."""

    instructions: str | None = None
    voice: str | None = None


SoundAction = QueueAudio | EndItem | Interrupt
"""What the sound needs: carried out before everything else."""

ServiceAction = (
    Truncate
    | DeleteItem
    | SendToolResult
    | CreateResponse
    | AddMessage
    | CancelResponse
    | ChangeSession
)
"""What the service is told, in this order: see `Outbox`."""

Action = SoundAction | ServiceAction | Report
"""Reports include `CallTool` and `CancelTool`, which the supervisor passes on."""
