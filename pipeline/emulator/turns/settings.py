"""What a session's configuration says about the user's turns."""

from dataclasses import dataclass

from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.turns.endpointing import EndpointingRules
from pipeline.emulator.turns.semantics import Semantics


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """`endpointing` is None if the client marks the end of turns itself, by committing."""

    input_format: InputFormat
    endpointing: EndpointingRules | None
    semantics: Semantics
    is_cascaded: bool
    """Whether the words of a turn are reported before its item; see `Configuration`."""
    transcribes: bool
    """Whether the client is sent transcription events."""
