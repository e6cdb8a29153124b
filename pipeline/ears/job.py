"""What an ears process is to do."""

from dataclasses import dataclass
from typing import Literal

Sent = Literal["cleaned", "microphone", "microphone and reference"]
"""What becomes of the microphone: without the echo, as it is, or as it is beside what sounds."""


@dataclass(frozen=True, slots=True)
class EarsJob:
    """Chosen at the start of a conversation; each process that follows has its own number."""

    holds: bool
    """Whether an answer is held when a person probably speaks; otherwise the ears only clean."""
    interrupts: bool
    """Whether an answer is interrupted when a person certainly speaks over it."""
    sends: Sent
    turn_prefix_ms: int
    """Sound before the first speech that belongs to a turn of the user's."""
    turn_silence_ms: int | None
    """Silence that ends a turn; None: the ears do not mark turns."""
    frame_samples: int
    number: int = 0
    """See `SupervisorFields.ears`."""
