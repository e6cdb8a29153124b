"""The figures of a report: what each means, where its values are, and what is good enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.bench.distribution import Distribution
from pipeline.bench.measure import Result


@dataclass(frozen=True, slots=True)
class Figure:
    """A time that is measured in every turn or frame, in ms."""

    key: str
    label: str
    meaning: str
    budget: Distribution | None
    """Its p50 and p99 are to be kept."""
    values: Callable[[Result], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is to be 0 in a scenario."""

    key: str
    label: str
    meaning: str
    value: Callable[[Result], float]


def _budget(p50: float, p99: float) -> Distribution:
    return Distribution(p50, p99, p99, p99)


CUT = Figure(
    "cut_ms",
    "cut",
    "speech_started on the wire → last stale sample at the device edge",
    _budget(5, 8),
    lambda result: [turn.cut_ms for turn in result.turns],
)
SPEAK = Figure(
    "speak_ms",
    "speak",
    "first delta on the wire → its first sample at the edge",
    _budget(4, 8),
    lambda result: [turn.speak_ms for turn in result.turns],
)
ROUND_TRIP = Figure(
    "round_trip_ms",
    "voice round trip",
    "end of the utterance → first sample of its answer, less the service's own pause",
    None,
    lambda result: [turn.round_trip_ms for turn in result.turns],
)
MICROPHONE = Figure(
    "microphone_ms",
    "microphone",
    "last sample of a frame is captured → the service holds it",
    None,
    lambda result: result.microphone_ms,
)
FIGURES = (CUT, SPEAK, ROUND_TRIP, MICROPHONE)

FAULTS = (
    Fault(
        "leaked_samples",
        "stale after the cut",
        "samples of a cancelled answer that sounded after it had fallen silent",
        lambda result: sum(turn.leaked_samples for turn in result.turns),
    ),
    Fault(
        "dropouts",
        "dropouts",
        "silences inside an answer, and card periods that came too late",
        lambda result: result.dropouts,
    ),
    Fault(
        "breaks",
        "order breaks",
        "places at which anything but the very next sample of the answer followed",
        lambda result: sum(turn.breaks for turn in result.turns),
    ),
    Fault(
        "starved",
        "network gaps",
        "silences inside an answer because its next delta had not been sent in time",
        lambda result: sum(turn.starved for turn in result.turns),
    ),
    Fault(
        "wrong_microphone_samples",
        "microphone errors",
        "microphone samples that the service received lost, doubled or changed",
        lambda result: result.wrong_microphone_samples,
    ),
    Fault(
        "memory_error_ms",
        "memory error, ms",
        "the most that the model remembers to have said beyond what was heard, or short of it",
        lambda result: max((turn.memory_error_ms for turn in result.turns), key=abs, default=0),
    ),
    Fault(
        "unheard_turns",
        "unheard answers",
        "answers of which no sample passed the edge",
        lambda result: result.unheard_turns,
    ),
)
