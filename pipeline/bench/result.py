"""Evaluate what was recorded while a client went through a scenario."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.recording_speaker import read_times
from pipeline.bench.analysis import (
    Edge,
    FrameMetrics,
    TurnMetrics,
    all_turn_metrics,
    microphone_metrics,
)
from pipeline.bench.clients import ClientState, Design
from pipeline.bench.clock import CardClock
from pipeline.bench.cost import Cost, Disturbance
from pipeline.bench.scenarios import Scenario
from pipeline.bench.service_log import ServiceLog
from pipeline.bench.stalls import LONG_NS, Stall, Stalls
from pipeline.bench.wav_files import read_wav
from pipeline.ipc.events import MissedPeriod
from pipeline.pcm import NS_PER_MS, ms_to_ns, ms_to_samples


@dataclass(frozen=True, slots=True)
class Run:
    """What was recorded while a client went through its turns."""

    recording: Path
    state: ClientState
    log: ServiceLog
    begin_ns: int
    observed: Stalls
    waited_ms: list[float]
    cost: tuple[Cost, ...]
    disturbance: Disturbance


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured of a client in a scenario."""

    design: str
    scenario: str
    card_buffer_ms: float
    turns: tuple[TurnMetrics, ...]
    unheard_turns: int
    lost_turns: int
    """Turns whose answers cannot be told apart, because a machine stall was longer than the pause
    between them."""
    microphone: tuple[FrameMetrics, ...]
    wrong_microphone_samples: int
    missed: tuple[MissedPeriod, ...]
    """Card periods of both directions that came too late, except those in `missed_in_stalls`."""
    missed_in_stalls: int
    """Number of card periods that would have come in time without a machine stall."""
    stalls: Stalls
    playout_waited_ms: tuple[float, ...]
    """Playout delay of each answer: how long it was held back in order not to run dry."""
    cost: tuple[Cost, ...]
    disturbance: Disturbance

    @property
    def clear_turns(self) -> list[TurnMetrics]:
        """Return the turns whose times no machine stall has distorted."""
        return [turn for turn in self.turns if not turn.stalled]

    @property
    def dropouts(self) -> int:
        """Return silences inside answers plus late card periods of both directions."""
        return sum(turn.dropouts for turn in self.turns) + len(self.missed)


def evaluate(design: Design, scenario: Scenario, run: Run) -> Result:
    """Turn the recordings of one run into its result."""
    period_ns = ms_to_ns(design.period_ms)
    missed = run.state.missed_since(run.begin_ns, run.observed, period_ns)
    stalls = run.observed.longer_than(LONG_NS)
    unsure = stalls.joined(Stall(period.due_ns, period.done_ns) for period in missed.excused)
    edge = _edge(design, run.state, run.recording)
    turns = run.log.turns
    drain_ns = ms_to_ns(max_drain_ms(design, scenario))
    blackouts = stalls.longer_than(drain_ns)
    known = [
        figures and figures.without_delay(waited_ms)
        for turn, figures, waited_ms in zip(
            turns,
            all_turn_metrics(read_wav(run.recording), edge, turns, unsure),
            run.waited_ms,
            strict=True,
        )
        if not blackouts.within_ns(turn.first_delta_ns, turn.speech_started_ns + drain_ns)
    ]
    return Result(
        design=design.name,
        scenario=scenario.name,
        card_buffer_ms=_buffer_ms(design, run.recording),
        turns=tuple(turn for turn in known if turn is not None),
        unheard_turns=known.count(None),
        lost_turns=len(turns) - len(known),
        microphone=tuple(microphone_metrics(run.log, edge, unsure)),
        wrong_microphone_samples=run.log.wrong_samples,
        missed=tuple(missed.own),
        missed_in_stalls=len(missed.excused),
        stalls=stalls,
        playout_waited_ms=tuple(run.waited_ms),
        cost=run.cost,
        disturbance=run.disturbance,
    )


def max_drain_ms(design: Design, scenario: Scenario) -> int:
    """Return how long an answer may sound after its last event and still count as the same one."""
    late_ms = scenario.late_deltas * scenario.delta_ms if design.plays_late_deltas else 0
    return design.plays_on_ms + late_ms


def _edge(design: Design, state: ClientState, recording: Path) -> Edge:
    period_ns = ms_to_ns(design.period_ms)
    return Edge(
        speaker=speaker_clock(design, state, recording),
        # A microphone period is handed over when it is full: its first sample is a period old.
        microphone=CardClock.exact(state.clock_starts_ns["microphone"] - period_ns),
        period_ns=period_ns,
    )


def speaker_clock(design: Design, state: ClientState, recording: Path) -> CardClock:
    """Return when each sample of the recording passed the edge."""
    if design.device is None:
        start_ns = state.clock_starts_ns["speaker"]
        return CardClock.delayed(start_ns, ms_to_samples(design.period_ms), state.missed["speaker"])
    times = read_times(recording)
    ends = np.cumsum(times["samples"])
    return CardClock(ends - times["samples"], times["taken_ns"])


def _buffer_ms(design: Design, recording: Path) -> float:
    """Return how long a sample takes from the edge to the loudspeaker."""
    if design.device is None:
        return design.period_ms
    times = read_times(recording)
    return float(np.median(times["sounds_ns"] - times["taken_ns"])) / NS_PER_MS
