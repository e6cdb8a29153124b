"""The metrics of a report: what each means, where its values are, and its budget."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.bench.distribution import Budget
from pipeline.bench.result import Result
from pipeline.bench.scenarios import EARS


@dataclass(frozen=True, slots=True)
class Metric:
    """A time in ms that is measured in every turn or frame."""

    key: str
    label: str
    meaning: str
    budget: Budget | None
    values: Callable[[Result], Sequence[float]]
    other_budgets: Mapping[str, Budget] = field(default_factory=dict, hash=False)
    """In scenarios of these names."""

    def budget_in(self, scenario: str) -> Budget | None:
        """Return the budget that holds in the scenario of this name."""
        return self.other_budgets.get(scenario, self.budget)


@dataclass(frozen=True, slots=True)
class Count:
    """A number that has one value in each scenario."""

    key: str
    label: str
    meaning: str
    value: Callable[[Result], float]


CUT = Metric(
    "cut_ms",
    "cut",
    "speech_started on the wire → last stale sample at the device edge",
    Budget(5, 8),
    lambda result: [turn.cut_ms for turn in result.clear_turns if not turn.silent],
)
SPEAK = Metric(
    "speak_ms",
    "speak",
    "first delta on the wire → its first sample at the edge",
    Budget(4, 8),
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
    "last sample of a frame is captured → the service has received it",
    Budget(2),
    lambda result: [f.ms for f in result.microphone if not (f.stalled or f.unread)],
    {EARS.name: Budget(14)},
)
METRICS = (CUT, SPEAK, ROUND_TRIP, MICROPHONE)


def _longest(values: Iterable[float]) -> float:
    return round(max(values, default=0.0), 1)


CIRCUMSTANCES = (
    Count(
        "starved",
        "network gaps",
        "silences inside an answer whose next delta was not sent in time",
        lambda result: sum(turn.starved for turn in result.turns),
    ),
    Count(
        "playout_waited_ms",
        "playout delay, ms",
        "the longest time for which an answer was held back to avoid network gaps; not included "
        "in speak and voice round trip",
        lambda result: _longest(result.playout_waited_ms),
    ),
    Count(
        "silent_turns",
        "silent when cut",
        "interruptions during a silence inside the answer, so that nothing was cut",
        lambda result: sum(turn.silent for turn in result.turns),
    ),
    Count(
        "stalls",
        "machine stalls",
        "how often a processor itself stood still for 1.5 ms or more",
        lambda result: len(result.stalls.all),
    ),
    Count(
        "longest_stall_ms",
        "longest stall, ms",
        "the longest machine stall",
        lambda result: _longest([result.stalls.longest_ms]),
    ),
    Count(
        "missed_in_stalls",
        "late by stalls",
        "card periods that were late only because of a stall; they are not dropouts",
        lambda result: result.missed_in_stalls,
    ),
    Count(
        "stalled_turns",
        "stalled turns",
        "turns in which stalls took a tenth or more of the time until the answer began, or was "
        "cut; the times above leave them out",
        lambda result: len(result.turns) - len(result.clear_turns),
    ),
    Count(
        "stalled_frames",
        "stalled frames",
        "microphone frames that are left out for the same reason",
        lambda result: sum(frame.stalled for frame in result.microphone),
    ),
    Count(
        "unread_frames",
        "unread frames",
        "microphone frames that waited because the service read nothing, as the scenario wants; "
        "left out of the microphone's times, and counted as errors if one is lost",
        lambda result: sum(frame.unread for frame in result.microphone),
    ),
    Count(
        "lost_turns",
        "lost turns",
        "turns that cannot be told apart because a stall was longer than the pause between them; "
        "left out everywhere",
        lambda result: result.lost_turns,
    ),
    Count(
        "stalled_cut_ms",
        "slowest stalled cut, ms",
        "the longest cut in a stalled turn",
        lambda result: _longest(turn.cut_ms for turn in result.turns if turn.stalled),
    ),
)
"""What the network and the machine did meanwhile: not faults, but they explain the times."""

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
        "places at which a sample other than the next one of the answer followed",
        lambda result: sum(turn.breaks for turn in result.turns),
    ),
    Count(
        "wrong_microphone_samples",
        "microphone errors",
        "microphone samples that reached the service changed, twice or not at all",
        lambda result: result.wrong_microphone_samples,
    ),
    Count(
        "memory_error_ms",
        "memory error, ms",
        "the greatest difference between what the model remembers and what was heard",
        lambda result: max((turn.memory_error_ms for turn in result.turns), key=abs, default=0),
    ),
    Count(
        "unheard_turns",
        "unheard answers",
        "answers of which not one sample passed the edge",
        lambda result: result.unheard_turns,
    ),
)
