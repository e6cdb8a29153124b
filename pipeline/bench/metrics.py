"""The figures of a report: what each means, where its values are, and what is good enough."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.bench.distribution import Distribution
from pipeline.bench.measure import Result


@dataclass(frozen=True, slots=True)
class Metric:
    """A time that is measured in every turn or frame, in ms."""

    key: str
    label: str
    meaning: str
    budget: Distribution | None
    """Its p50 and p99 are to be kept."""
    values: Callable[[Result], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Count:
    """Something that has one value in a scenario."""

    key: str
    label: str
    meaning: str
    value: Callable[[Result], float]


def _budget(p50: float, p99: float) -> Distribution:
    return Distribution(p50, p99, p99, p99)


CUT = Metric(
    "cut_ms",
    "cut",
    "speech_started on the wire → last stale sample at the device edge",
    _budget(5, 8),
    lambda result: [turn.cut_ms for turn in result.clear_turns if not turn.silent],
)
SPEAK = Metric(
    "speak_ms",
    "speak",
    "first delta on the wire → its first sample at the edge",
    _budget(4, 8),
    lambda result: [turn.speak_ms for turn in result.clear_turns],
)
ROUND_TRIP = Metric(
    "round_trip_ms",
    "voice round trip",
    "end of the utterance → first sample of its answer, less the service's own pause",
    None,
    lambda result: [turn.round_trip_ms for turn in result.clear_turns],
)
MICROPHONE = Metric(
    "microphone_ms",
    "microphone",
    "last sample of a frame is captured → the service holds it",
    None,
    lambda result: [frame.ms for frame in result.microphone if not frame.stalled],
)
METRICS = (CUT, SPEAK, ROUND_TRIP, MICROPHONE)


def _longest(values: Iterable[float]) -> float:
    return round(max(values, default=0.0), 1)


CIRCUMSTANCES = (
    Count(
        "starved",
        "network gaps",
        "silences inside an answer because its next delta had not been sent in time",
        lambda result: sum(turn.starved for turn in result.turns),
    ),
    Count(
        "playout_waited_ms",
        "playout delay, ms",
        "the longest that an answer was held back for the sake of fewer network gaps; it is no "
        "part of speak and voice round trip",
        lambda result: _longest(result.playout_waited_ms),
    ),
    Count(
        "silent_turns",
        "silent when cut",
        "interruptions that met a silence inside the answer: there was nothing to cut",
        lambda result: sum(turn.silent for turn in result.turns),
    ),
    Count(
        "stalls",
        "machine stalls",
        "times that a processor itself stood still for 1.5 ms or more",
        lambda result: len(result.stalls.all),
    ),
    Count(
        "longest_stall_ms",
        "longest stall, ms",
        "the longest of them",
        lambda result: _longest([result.stalls.longest_ms]),
    ),
    Count(
        "missed_in_stalls",
        "late for stalls",
        "card periods that would have been in time but for a stall; no dropouts of the client",
        lambda result: result.missed_in_stalls,
    ),
    Count(
        "stalled_turns",
        "stalled turns",
        "turns in which stalls took a tenth or more of the time until the answer began, or was "
        "cut; their times are left out above",
        lambda result: len(result.turns) - len(result.clear_turns),
    ),
    Count(
        "stalled_frames",
        "stalled frames",
        "microphone frames left out for the same reason",
        lambda result: sum(frame.stalled for frame in result.microphone),
    ),
    Count(
        "lost_turns",
        "lost turns",
        "turns that a stall, longer than the pause between them, made unrecognisable: left out "
        "everywhere",
        lambda result: result.lost_turns,
    ),
    Count(
        "stalled_cut_ms",
        "their slowest cut, ms",
        "the longest that was left out",
        lambda result: _longest(turn.cut_ms for turn in result.turns if turn.stalled),
    ),
)
"""What the network and the machine did meanwhile. Nobody's fault here, but it explains figures."""

FAULTS = (
    Count(
        "leaked_samples",
        "stale after the cut",
        "samples of a cancelled answer that sounded after it had fallen silent",
        lambda result: sum(turn.leaked_samples for turn in result.turns),
    ),
    Count(
        "dropouts",
        "dropouts",
        "silences inside an answer, and card periods that came too late",
        lambda result: result.dropouts,
    ),
    Count(
        "breaks",
        "order breaks",
        "places at which anything but the very next sample of the answer followed",
        lambda result: sum(turn.breaks for turn in result.turns),
    ),
    Count(
        "wrong_microphone_samples",
        "microphone errors",
        "microphone samples that the service received lost, doubled or changed",
        lambda result: result.wrong_microphone_samples,
    ),
    Count(
        "memory_error_ms",
        "memory error, ms",
        "the most that the model remembers to have said beyond what was heard, or short of it",
        lambda result: max((turn.memory_error_ms for turn in result.turns), key=abs, default=0),
    ),
    Count(
        "unheard_turns",
        "unheard answers",
        "answers of which no sample passed the edge",
        lambda result: result.unheard_turns,
    ),
)
