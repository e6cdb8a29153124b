"""Options of `bench ears`. Imports nothing slow, so that `--help` is instant."""

from dataclasses import dataclass
from pathlib import Path

VOICE_TURNS = 5
"""How often a person at a real card is asked to speak."""


@dataclass(frozen=True, slots=True)
class EarsOptions:
    """One run of `bench ears`."""

    quick: bool = False
    device: bool = False
    """Whether a real card and a real room are measured, not the virtual ones."""
    input: str | None = None
    """A real microphone, by number or part of its name; None for the default one."""
    output: str | None = None
    """A real loudspeaker."""
    voice_turns: int = VOICE_TURNS
    """How often the person is asked to speak; 0: never."""
    seconds: float = 30.0
    """How long answers sound while nobody speaks, with a real card."""
    speech: Path | None = None
    """A folder with recordings of people; None: the offline service's voice speaks."""
    let_sleep: bool = False
    """Whether idle processors may sleep, with the virtual card."""
    seed: int = 1
    json: Path | None = None
    png: Path | None = None
