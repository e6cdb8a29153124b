"""The names of the segments, with which a child attaches to the pipeline's shared memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SharedNames:
    """Names of the segments, chosen by the system when the supervisor created them."""

    state: str
    capture_ring: str
    playback_ring: str
