"""What a user can look at while a conversation runs."""

import time
from typing import Literal, NamedTuple

from pipeline.ipc.reports import ConversationMemory
from pipeline.pcm import NS_PER_MS, NS_PER_S, samples_to_ms
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
    round_trip_ms: float | None
    """From a ping to the service to its answer, the latest; None: there was none yet."""
    cut_ms: float | None
    """From the latest interruption to the last sample of the answer; None while it is cut, and if
    nothing sounded."""
    session_left_s: float | None
    """Until another session may take over; None while there is no session."""


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
        round_trip_ms=network.round_trip_ns.load() / NS_PER_MS or None,
        cut_ms=_cut_ms(state),
        session_left_s=_session_left_s(network.session_ends_ns.load(), time.monotonic_ns()),
    )


def _cut_ms(state: SharedState) -> float | None:
    cut, interrupted_ns = state.latest_cut(), state.network.interrupted_ns.load()
    if cut is None or cut.generation != state.network.generation.load():
        return None
    taken_ns = cut.time_ns - interrupted_ns
    return taken_ns / NS_PER_MS if interrupted_ns and taken_ns > 0 else None


def _session_left_s(ends_ns: int, now_ns: int) -> float | None:
    return max(0.0, (ends_ns - now_ns) / NS_PER_S) if ends_ns else None


def history_of(memory: ConversationMemory) -> tuple[Turn, ...]:
    heard = (Turn(turn.role, turn.words[: turn.heard]) for turn in memory.turns)
    return tuple(turn for turn in heard if turn.text.strip())
