"""The account of a conversation: every sample of the microphone and of the answers."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.faults.code import Run
from benchmarks.faults.conversation import Talk
from benchmarks.faults.service import CodedService
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples, ms_to_samples

FADE_SAMPLES = ms_to_samples(10)
"""Longest stretch of samples that a cut or a new beginning may change."""


@dataclass(frozen=True, slots=True)
class Account:
    """What arrived of a conversation, and what did not."""

    away_s: float
    """Longest time in which the service heard nothing."""
    paused_s: float
    """Longest silence within an answer."""
    lost_samples: int
    """Of the microphone, which no session heard."""
    doubled_samples: int
    """Of the microphone, which one session heard twice."""
    unasked: tuple[int, ...]
    """Questions that no session heard as a whole."""
    unanswered: tuple[int, ...]
    """Questions of whose answer nothing was heard, although there was time for it."""
    torn: int
    """Turns that were not one whole question."""
    wrong_samples: int
    """Heard, but not part of an answer or of a fade."""
    repeated_samples: int
    """Of answers, heard twice."""
    skipped_samples: int
    """Of answers, not heard although later ones were."""

    @property
    def complete(self) -> bool:
        """Whether each question was heard once and answered."""
        return not (self.unasked or self.unanswered or self.torn)

    @property
    def exact(self) -> bool:
        """Whether not a sample was lost, doubled or changed."""
        return not (
            self.lost_samples
            or self.doubled_samples
            or self.wrong_samples
            or self.repeated_samples
            or self.skipped_samples
        )


def account(talk: Talk, service: CodedService, heard: Samples, unrecorded_ms: int = 0) -> Account:
    """Compare what the service and the loudspeaker heard with what was said.

    :param heard: the recording of the loudspeaker.
    :param unrecorded_ms: what may be missing in it altogether.
    """
    sessions = service.heard_runs()
    asked = {question for _, question in service.asked}
    sounds = talk.answers_code.runs(heard)
    spoken = _split(sounds, talk.answers)
    wrong, repeated, skipped = _heard_errors(heard, sounds, spoken)
    return Account(
        away_s=_longest_absence_s(service),
        paused_s=_longest_pause_s(spoken),
        lost_samples=int(np.count_nonzero(~_covered(sessions, talk.end))),
        doubled_samples=sum(_overlap(runs) for runs in sessions),
        unasked=tuple(n for n in range(talk.questions) if n not in asked),
        unanswered=tuple(
            n for n in range(talk.questions) if not spoken[n] and n not in service.overtaken
        ),
        torn=sum(question is None for _, question in service.asked),
        wrong_samples=wrong,
        repeated_samples=repeated,
        skipped_samples=max(0, skipped - ms_to_samples(unrecorded_ms)),
    )


def _covered(sessions: list[list[Run]], length: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    covered = np.zeros(length, np.bool_)
    for runs in sessions:
        for run in runs:
            covered[run.start : run.end] = True
    return covered


def _overlap(runs: list[Run]) -> int:
    """Return how many samples of later runs were in earlier ones."""
    end = overlap = 0
    for run in runs:
        overlap += max(0, min(end, run.end) - run.start)
        end = max(end, run.end)
    return overlap


def _split(runs: list[Run], replies: list[Samples]) -> list[list[Run]]:
    """Return the runs of each answer, their starts counted within it."""
    starts = np.cumsum([0, *map(len, replies)])
    spoken: list[list[Run]] = [[] for _ in replies]
    for run in runs:
        number = int(np.searchsorted(starts, run.start, side="right")) - 1
        spoken[number].append(Run(run.found_at, run.start - int(starts[number]), run.length))
    return spoken


def _heard_errors(
    heard: Samples, sounds: list[Run], spoken: list[list[Run]]
) -> tuple[int, int, int]:
    """Return wrong, repeated and skipped samples, all but those of fades."""
    known = np.zeros(len(heard), np.bool_)
    for run in sounds:
        known[run.found_at : run.found_at + run.length + FADE_SAMPLES] = True
        known[max(0, run.found_at - FADE_SAMPLES) : run.found_at] = True
    wrong = int(np.count_nonzero(heard[~known]))
    repeated = skipped = 0
    for runs in spoken:
        end = 0
        for run in runs:
            repeated += max(0, end - run.start)
            missing = run.start - end
            skipped += missing if missing > FADE_SAMPLES else 0
            end = max(end, run.end)
    return wrong, repeated, skipped


def _longest_absence_s(service: CodedService) -> float:
    times_ns = sorted(time_ns for s in service.sessions for time_ns, _ in s.arrivals)
    return max((b - a for a, b in pairwise(times_ns)), default=0) / NS_PER_S


def _longest_pause_s(spoken: list[list[Run]]) -> float:
    pauses = [
        after.found_at - before.found_at - before.length
        for runs in spoken
        for before, after in pairwise(runs)
    ]
    return max(pauses, default=0) / SAMPLE_RATE_HZ
