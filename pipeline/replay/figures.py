"""The figures of a conversation, by which two are compared."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pipeline.replay.timeline import Timeline

_PERCENTS = (50, 95, 100)


class Figure(NamedTuple):
    """A line of the table. A figure of None was not measured."""

    name: str
    value: float | None
    unit: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return "–"  # noqa: RUF001 - an en dash
        return f"{self.value:.1f} {self.unit}" if self.unit else f"{self.value:.0f}"


def figures(timeline: Timeline) -> list[Figure]:
    """Return the figures; those of all conversations have the same names in the same order."""
    cuts = [cut.latency_ms for cut in timeline.cuts if cut.latency_ms is not None]
    waits = [wait.ms for wait in timeline.waits]
    users = sum(turn.role == "user" for turn in timeline.turns)
    return [
        *_percentiles("speech noticed → silence", cuts),
        *_percentiles("end of speech → first sound", waits),
        Figure("turns of the user", users),
        Figure("turns of the assistant", len(timeline.turns) - users),
        Figure("cuts", len(timeline.cuts)),
        Figure("pauses of 0.25 s or more in an answer", _pauses(timeline)),
        Figure("speaker periods missed", timeline.missed_periods.get("speaker", 0)),
        Figure("microphone periods missed", timeline.missed_periods.get("microphone", 0)),
        Figure("recorders replaced", timeline.count("continued")),
        Figure("notices", timeline.count("notice")),
    ]


def _pauses(timeline: Timeline) -> int:
    """Count the answers' sounds that go on behind silence."""
    return sum(before.item == after.item for before, after in pairwise(timeline.sounds))


def _percentiles(name: str, values: list[float]) -> list[Figure]:
    labels = [f"{name}, {'max' if percent == 100 else f'p{percent}'}" for percent in _PERCENTS]
    if not values:
        return [Figure(label, None, "ms") for label in labels]
    ranks = np.percentile(values, _PERCENTS, method="inverted_cdf").tolist()
    return [Figure(label, rank, "ms") for label, rank in zip(labels, ranks, strict=True)]
