"""One conversation with one fault, and the account of every sample."""

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

from benchmarks.faults.code import Code, Run
from benchmarks.faults.conversation import CYCLE_MS, QUESTIONS, answers, microphone, question_span
from benchmarks.faults.kinds import Kind, Scene
from benchmarks.faults.service import CodedService
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples, ms_to_samples
from tests.support.program import Program
from tests.support.runs import HEARD, run_on_files
from tests.support.sound import read_wav

FADE_SAMPLES = ms_to_samples(10)
"""Longest stretch of samples that a cut or a new beginning may change."""
TOOL = Path(__file__).with_name("slow_tool.py")
FIRST_QUESTION = 1
LEAVING_S = 5.0
CYCLES = 3
"""Faults happen within these cycles of the conversation, from `FIRST_QUESTION` on."""


@dataclass(frozen=True, slots=True)
class End:
    """How the program ended."""

    exit_code: int
    left: int
    """Processes and segments left behind."""
    said: str
    """What it wrote."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did to one conversation."""

    kind: str
    moment_ms: int
    """Of the fault, in the microphone's signal."""
    end: End
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
    torn: int
    """Turns that were not one whole question."""
    wrong_samples: int
    """Heard, but not part of an answer or of a fade."""
    repeated_samples: int
    """Of answers, heard twice."""
    skipped_samples: int
    """Of answers, not heard although later ones were."""

    @property
    def survived(self) -> bool:
        return not (self.end.exit_code or self.unasked or self.unanswered or self.torn)

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


def moment(trial: int, trials: int, random: np.random.Generator) -> int:
    """Return a sample of the microphone: trials are spread over the phases of a cycle."""
    phase = (trial + random.random()) / trials
    cycle = FIRST_QUESTION + int(random.integers(CYCLES))
    return question_span(cycle)[0] + round(phase * ms_to_samples(CYCLE_MS))


def hold(kind: Kind, at_sample: int, seed: int) -> Outcome:
    """Hold the conversation of `seed`, and do the fault when the service has heard so much."""
    said, replies = microphone(seed), answers(seed)
    code = Code(said)
    tools = ("--tools", TOOL) if kind.calls else ()
    with (
        tempfile.TemporaryDirectory(prefix="voice-fault-") as folder,
        CodedService(code, replies, calls=kind.calls) as service,
        run_on_files(service, Path(folder), said, *tools, *kind.flags) as program,
    ):
        processes = _processes(program, service, tools=kind.calls)
        program.wait_until(lambda: not program.running or service.heard_samples >= at_sample)
        segments = program.segments()
        with suppress(ConnectionError):  # the client may leave for what is sent to it
            kind.harm(Scene(program, service, processes))
        end = End(program.wait_exit(120), _left(program, segments), program.said)
        return _account(kind, at_sample, end, service, read_wav(Path(folder) / HEARD))


def _left(program: Program, segments: set[Path]) -> int:
    """Return how many processes and segments are still there, after some time to go."""
    deadline_s = time.monotonic() + LEAVING_S
    while program.members() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return len(program.members()) + sum(segment.exists() for segment in segments)


def _processes(
    program: Program, service: CodedService, *, tools: bool
) -> dict[str, psutil.Process]:
    names = ["network", *(["tools"] if tools else []), "playback", "capture"]
    program.wait_until(lambda: service.heard_samples or not program.running)
    return dict(zip(names, program.children(), strict=True))


def _account(
    kind: Kind, at_sample: int, end: End, service: CodedService, heard: Samples
) -> Outcome:
    last = question_span(QUESTIONS - 1)[1]
    sessions = service.heard_runs()
    asked = {question for _, question in service.asked}
    sounds = Code(np.concatenate(service.answers)).runs(heard)
    spoken = _split(sounds, service.answers)
    wrong, repeated, skipped = _heard_errors(heard, sounds, spoken)
    return Outcome(
        kind=kind.name,
        moment_ms=at_sample * 1_000 // SAMPLE_RATE_HZ,
        end=end,
        away_s=_longest_absence_s(service),
        paused_s=_longest_pause_s(spoken),
        lost_samples=int(np.count_nonzero(~_covered(sessions, last))),
        doubled_samples=sum(_overlap(runs) for runs in sessions),
        unasked=tuple(n for n in range(QUESTIONS) if n not in asked),
        unanswered=tuple(n for n in range(QUESTIONS) if not spoken[n]),
        torn=sum(question is None for _, question in service.asked),
        wrong_samples=wrong,
        repeated_samples=repeated,
        skipped_samples=skipped,
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
