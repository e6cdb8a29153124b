"""What a user can look at while a conversation runs."""

from typing import Literal, NamedTuple

from pipeline.ipc.reports import ConversationMemory
from pipeline.pcm import NS_PER_MS, samples_to_ms
from pipeline.shm.state import Position, SharedState


class Heard(NamedTuple):
    """How much of the answers has left the loudspeaker."""

    answer: int
    """The answer that sounded last, counted from 1; 0: none has sounded yet."""
    samples: int
    """Samples of it that have sounded, at 24 kHz."""

    @property
    def ms(self) -> int:
        """Whole milliseconds of it that have sounded."""
        return samples_to_ms(self.samples)


class Turn(NamedTuple):
    """What one side said; of an answer what has been heard of it."""

    role: Literal["user", "assistant"]
    text: str


class Metrics(NamedTuple):
    """Counters since the conversation began."""

    captured_ms: int
    """Microphone audio taken so far."""
    sent_ms: int
    """Microphone audio sent to the service, what a later session was sent again included."""
    lost_ms: int
    """Microphone audio that was lost, for whatever reason."""
    overruns: int
    """Periods that the microphone lost."""
    played_ms: int
    """Answer audio handed to the loudspeaker."""
    interruptions: int
    pauses: int
    """Pauses inside answers, because the next samples came too late."""
    underruns: int
    """Periods that the loudspeaker missed."""
    playout_delay_ms: int
    """How long an answer waits before it sounds, while the service is not ahead of real time."""


def heard_of(state: SharedState) -> Heard:
    return Heard(*Position.unpacked(state.playback.heard.load()))


def metrics_of(state: SharedState) -> Metrics:
    capture, network, playback = state.capture, state.network, state.playback
    lost = (capture.lost_samples, capture.gap_samples, network.lost_samples)
    return Metrics(
        captured_ms=samples_to_ms(capture.captured_samples.load()),
        sent_ms=samples_to_ms(network.sent_samples.load()),
        lost_ms=samples_to_ms(sum(word.load() for word in lost)),
        overruns=capture.input_overruns.load(),
        played_ms=samples_to_ms(playback.played_samples.load()),
        interruptions=network.generation.load(),
        pauses=playback.underruns.load(),
        underruns=playback.output_underruns.load(),
        playout_delay_ms=playback.playout_delay_ns.load() // NS_PER_MS,
    )


def history_of(memory: ConversationMemory) -> tuple[Turn, ...]:
    heard = (Turn(turn.role, turn.words[: turn.heard]) for turn in memory.turns)
    return tuple(turn for turn in heard if turn.text.strip())
