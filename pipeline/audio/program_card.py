"""The sound of the program that uses the library, in the place of a card.

    program ── microphone ring ──▶ capture          playback ── speaker ring ──▶ program

Both rings hold mono samples at the program's own rate. The program's process writes one and reads
the other; the streams in `program_microphone.py` and `program_speaker.py` are at the other ends.
"""

import socket
from dataclasses import dataclass

RING_FRAMES = 1_000
"""10 s of the speaker's blocks, and 6 s or more of the microphone's."""

FLAG_DROP = 2
"""Marks a frame of the speaker ring without samples: an interruption. What was given before it,
from its item and offset on, is not to sound."""


@dataclass(frozen=True, slots=True)
class ProgramCard:
    """A microphone or a speaker that the program is itself."""

    name: str
    ring: str
    """Name of the ring's segment."""
    rate_hz: int
    wake: socket.socket | None = None
    """For a speaker: wakes the program after each block."""
    on_request: bool = False
    """For a speaker: the program asks for the samples; otherwise a clock paces them."""
    confirms: bool = False
    """For a speaker: the program says what has sounded; otherwise what was given counts."""
    silence: bool = False
    """For a speaker: the program is given silence too, while no answer sounds."""
