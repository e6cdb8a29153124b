"""What the conversation wants done around it; reports to the person are actions too."""

from dataclasses import field
from typing import Literal

from pipeline.ipc.reports import Report
from pipeline.structs import Struct


class QueueAudio(Struct):
    """Queue samples of an answer item for the loudspeaker."""

    item: int
    """Ordinal of the item, growing in the order in which items are heard."""
    generation: int
    """Interruptions that had happened when the item's response was created."""
    offset_samples: int
    """Position of the first sample within the item."""
    pcm: bytes
    """PCM16, a whole number of samples."""


class EndItem(Struct):
    """Mark the end of an item's audio: silence after it is not an underrun."""

    item: int
    generation: int
    offset_samples: int


class Interrupt(Struct):
    """Silence everything of older generations, now; `Conversation.cut_settled` is to follow."""

    generation: int


class Truncate(Struct):
    """Tell the service how much of an item was heard."""

    item_id: str
    audio_end_ms: int


class DeleteItem(Struct):
    """Tell the service that nothing of an item was heard.

    A truncation to 0 ms says the same, but versions of the service have rejected it.
    """

    item_id: str


class SendToolResult(Struct):
    """Tell the model the result of a function call."""

    call_id: str
    output: str


class CreateResponse(Struct):
    """Ask for an answer: the model's calls are answered, or an earlier session left one owed.

    `number` grows with each request of the conversation: see `Conversation.release`.
    """

    number: int = field(default=0, compare=False)


class AddMessage(Struct):
    """Tell a new session a turn of the one before."""

    role: Literal["user", "assistant"]
    words: str


class CancelResponse(Struct):
    """Tell the service to end a response: the user has interrupted it without a word."""

    response_id: str


class ChangeSession(Struct):
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
