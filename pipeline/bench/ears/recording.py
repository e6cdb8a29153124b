"""What was recorded in a conversation: the answers, what was said over them, and what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.bench.cost import Cost
from pipeline.bench.ears.situations import Situation
from pipeline.pcm import NS_PER_MS, Samples, Sound, samples_to_ns


@dataclass
class Spoken:
    """One answer, and what was said over it. Samples are counted at the card."""

    kind: str
    """"first", "quiet", "noise", "interrupted" or "double talk"."""
    sound: Samples
    start_sample: int
    """The answer begins behind it."""
    sent_ns: int
    end_sample: int = 0
    said: list[tuple[int, int, int]] = field(default_factory=list)
    """Number, first sample and length of each phrase or noise."""
    asked_sample: int = 0
    """At which a person was asked to speak; nobody has spoken before."""
    said_at_ns: int = 0
    round_trip_ms: int = 0
    holds: int = 0
    """Begun in this answer, before the service noticed a voice."""


class Heard(Protocol):
    """What was heard and sent, whatever the card is."""

    @property
    def spoken(self) -> Sequence[Spoken]: ...
    @property
    def heard(self) -> Samples:
        """What the loudspeaker sounded."""

    @property
    def microphone(self) -> Sound:
        """What the microphone heard, echo included, sample for sample beside `heard`."""

    @property
    def sent(self) -> Samples:
        """What was sent up."""


@dataclass(frozen=True)
class Recording:
    """Everything that was recorded in one conversation over the virtual card."""

    situation: Situation
    spoken: Sequence[Spoken]
    heard: Samples
    microphone: Sound
    period_times_ns: npt.NDArray[np.int64]
    sent: Samples
    arrivals: Sequence[tuple[int, int]]
    """When each piece arrived at the service, and the samples sent by then."""
    marker: Samples
    marker_sample: int
    """At which it was said, for the first time something was."""
    quiet_cost: Sequence[Cost]
    """While answers sounded over which nobody spoke, without the first one."""
    cost: Sequence[Cost]
    """Afterwards: a person or a noise was heard over most answers."""
    realigned: int
    """How often the ears put the reference to another place."""

    def time_ms(self, sample: int, since_ns: int) -> float:
        """Return the time of `sample` at the card, less `since_ns`."""
        within_ns = samples_to_ns(sample % self._period_samples)
        return (self.period_ns(sample) + within_ns - since_ns) / NS_PER_MS

    def period_ns(self, sample: int) -> int:
        """Return when the card's period with `sample` began."""
        return int(self.period_times_ns[sample // self._period_samples])

    @property
    def _period_samples(self) -> int:
        return round(self.heard.size / self.period_times_ns.size)


def first_sample(recording: Heard, spoken: Spoken) -> int:
    """Return the first sample of an answer at the card that is not silent."""
    return spoken.start_sample + int(np.argmax(recording.heard[spoken.start_sample :] != 0))
