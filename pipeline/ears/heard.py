"""What the ears make of a block."""

from enum import Enum
from typing import NamedTuple

from pipeline.ears.blocks import decibels
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.rules import Evidence
from pipeline.pcm import Samples


class State(Enum):
    """What the ears do."""

    RESTING = "resting"
    """The far end is silent: the microphone passes unchanged."""
    SETTLING = "settling"
    """The strict rule holds."""
    LISTENING = "listening"
    HEADPHONES = "headphones"
    """The loudspeaker is not heard: the microphone passes unchanged."""


class Levels(NamedTuple):
    """Mean squares, and the same in dBFS."""

    microphone: float
    cleaned: float
    echo: float
    """Of the estimated echo."""

    @property
    def microphone_db(self) -> float:
        return decibels(self.microphone)

    @property
    def cleaned_db(self) -> float:
        return decibels(self.cleaned)

    @property
    def echo_db(self) -> float:
        return decibels(self.echo)


class Heard(NamedTuple):
    """What the ears make of one block."""

    cleaned: Samples
    """240 samples, not delayed."""
    speech: bool
    """Whether a person probably speaks over the far end."""
    near: NearSpeech
    """Whether it is certain."""
    evidence: Evidence
    levels: Levels
    state: State
    echo_moved_samples: int = 0
    """How much later than before the echo is heard beside its reference. What is known of the echo
    is kept: from the next block on the reference is to be given so much later."""

    @property
    def echo(self) -> bool:
        """Whether an echo may be left in `cleaned`."""
        return self.state is State.SETTLING or self.state is State.LISTENING
