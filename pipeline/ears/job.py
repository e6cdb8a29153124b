"""What an ears process is to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EarsJob:
    """Chosen at the start of a conversation; each process that follows has its own number."""

    holds: bool
    """Whether an answer is held when a person probably speaks; otherwise the ears only clean."""
    cleans: bool
    """Whether the service gets the microphone without the echo; otherwise as it is."""
    frame_samples: int
    number: int = 0
    """See `SupervisorFields.ears`."""
