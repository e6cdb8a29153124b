"""One client in one scenario: start everything, follow the turns, collect what was seen."""

import multiprocessing
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.audio.recording_speaker import read_times
from pipeline.bench.analysis import (
    Edge,
    FrameMetrics,
    TurnMetrics,
    all_turn_metrics,
    microphone_metrics,
)
from pipeline.bench.clients import Client, ClientState, Design
from pipeline.bench.clock import CardClock
from pipeline.bench.cost import Cost, Disturbance, Meter
from pipeline.bench.scenarios import Scenario
from pipeline.bench.service import Script
from pipeline.bench.service_log import ServiceLog
from pipeline.bench.signals import LEAD_MS, microphone, read_wav, write_wav
from pipeline.bench.stalls import LONG_NS, Stall, Stalls, StallWatchers
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import MissedPeriod
from pipeline.pcm import NS_PER_MS, ms_to_ns, ms_to_samples

GIL_HOLDING_TOOL = Path(__file__).with_name("gil_holding_tool.py")

POLL_S = 0.05

CALM_S = 0.15
"""Less than passes before the first utterance."""

TELLING_S = 0.15
"""Longer than a client takes to tell of a missed period."""

PATIENCE_S = 30.0
"""How much longer than planned a run may take: start-up on a busy machine."""


@dataclass(frozen=True, slots=True)
class Result:
    """A client in a scenario, every sample of it."""

    design: str
    scenario: str
    card_buffer_ms: float
    turns: tuple[TurnMetrics, ...]
    unheard_turns: int
    lost_turns: int
    """Those whose answers nobody can tell apart: the machine stood still for longer than the pause
    between them."""
    microphone: tuple[FrameMetrics, ...]
    wrong_microphone_samples: int
    missed: tuple[MissedPeriod, ...]
    """Card periods, in either direction, that would have come in time had the machine not stood
    still are not among them."""
    missed_in_stalls: int
    """They are here."""
    stalls: Stalls
    playout_waited_ms: tuple[float, ...]
    """How long each answer was held back in order not to run dry."""
    cost: tuple[Cost, ...]
    disturbance: Disturbance

    @property
    def clear_turns(self) -> list[TurnMetrics]:
        """Those whose times the machine did not spoil by standing still."""
        return [turn for turn in self.turns if not turn.stalled]

    @property
    def dropouts(self) -> int:
        """Silences inside answers, and card periods that came too late, in either direction."""
        return sum(turn.dropouts for turn in self.turns) + len(self.missed)


@dataclass(frozen=True, slots=True)
class _Run:
    """What was noted while a client went through its turns."""

    recording: Path
    state: ClientState
    log: ServiceLog
    begin_ns: int
    observed: Stalls
    waited_ms: list[float]
    cost: tuple[Cost, ...]
    disturbance: Disturbance


def measure(
    design: Design,
    scenario: Scenario,
    turns: int,
    *,
    seed: int,
    watchers: StallWatchers,
    on_turn: Callable[[], None],
) -> Result:
    """Run `turns` turns of `scenario`, calling `on_turn` after each.

    :raises PipelineError: the client failed, or answers no more.
    """
    drain_ms = _drain_ms(design, scenario)
    cycle_ms = scenario.cycle_ms(drain_ms, design.frame_ms)
    with TemporaryDirectory(prefix="voice-bench-") as folder, ChildProcesses() as instruments:
        spoken, heard = Path(folder) / "spoken.wav", Path(folder) / "heard.wav"
        random = np.random.default_rng(seed)
        write_wav(spoken, microphone(turns, cycle_ms, design.frame_ms, random))
        script = Script(scenario, turns, seed, secrets.token_urlsafe(24), spoken, design.period_ms)
        service = _Service(instruments, script)
        settings = Settings(
            endpoint=service.endpoint,
            api_key=script.key,
            use_api_key=True,
            input=str(spoken),
            output=str(heard),
            period_ms=design.period_ms,
            frame_ms=design.frame_ms,
            reconnect_s=0,
            tools=(str(GIL_HOLDING_TOOL),) if scenario.gil_holding_tool else (),
        )
        with design.start(settings) as client:
            deadline_s = time.monotonic() + (LEAD_MS + turns * cycle_ms) / 1_000 + PATIENCE_S
            _wait_running(client, service, deadline_s)
            for number in range(scenario.busy_processes):
                instruments.spawn(f"load {number}", "pipeline.bench.load")
            _follow(client, CALM_S)
            meter, begin_ns = Meter(client.processes()), time.monotonic_ns()
            waited_ms = _wait_turns(client, service, turns, deadline_s, on_turn)
            _follow(client, drain_ms / 1_000)
            cost, disturbance = meter.read(), meter.disturbance()
            _follow(client, TELLING_S)
        run = _Run(
            recording=heard,
            state=client.state,
            log=service.wait_log(),
            begin_ns=begin_ns,
            observed=watchers.stalls().since(begin_ns),
            waited_ms=waited_ms,
            cost=cost,
            disturbance=disturbance,
        )
        return _result(design, scenario, run)


def _result(design: Design, scenario: Scenario, run: _Run) -> Result:
    period_ns = ms_to_ns(design.period_ms)
    missed = run.state.missed_since(run.begin_ns, run.observed, period_ns)
    stalls = run.observed.longer_than(LONG_NS)
    unsure = stalls.joined(Stall(period.due_ns, period.done_ns) for period in missed.excused)
    edge = _edge(design, run.state, run.recording)
    turns = run.log.turns
    drain_ns = ms_to_ns(_drain_ms(design, scenario))
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


class _Service:
    """The runner's side of the scripted service, and of whatever else plays the world."""

    def __init__(self, instruments: ChildProcesses, script: Script) -> None:
        self._instruments = instruments
        self._results, sending = multiprocessing.Pipe(duplex=False)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            self.endpoint = f"http://127.0.0.1:{port}"
            instruments.spawn("service", "pipeline.bench.service", script, listener, sending)
        sending.close()

    def check(self) -> None:
        """Raise whatever ended an instrument."""
        for _ in self._instruments.reports(0):
            pass  # only failures count, and they are raised

    def turns_over(self) -> int:
        """How many turns have ended since the last call."""
        over = 0
        while self._results.poll():
            self._results.recv()
            over += 1
        return over

    def wait_log(self) -> ServiceLog:
        """What the service noted; it hands that out when the client has left."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            self.check()
            if self._results.poll(POLL_S) and isinstance(log := self._results.recv(), ServiceLog):
                self._results.close()
                return log
        raise PipelineError("The client did not leave the service.")


def _drain_ms(design: Design, scenario: Scenario) -> int:
    """How long an answer may sound after the last event about it, without being taken for more."""
    late_ms = scenario.late_deltas * scenario.delta_ms if design.plays_late_deltas else 0
    return design.plays_on_ms + late_ms


def _wait_running(client: Client, service: _Service, deadline_s: float) -> None:
    """Wait until both cards run."""
    while not client.state.running:
        client.wait_reports(POLL_S)
        service.check()
        if time.monotonic() > deadline_s:
            raise PipelineError("The client did not start its cards in time.")


def _follow(client: Client, seconds: float) -> None:
    """Stay up to date with the client for a while."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        client.wait_reports(left_s)


def _wait_turns(
    client: Client, service: _Service, turns: int, deadline_s: float, on_turn: Callable[[], None]
) -> list[float]:
    """Wait until all turns are over; return how long the answer of each was held back, in ms."""
    waited_ms: list[float] = []
    waited_before_ns = client.state.playout_waited_ns
    while len(waited_ms) < turns:
        client.wait_reports(POLL_S)
        service.check()
        for _ in range(service.turns_over()):
            waited_ns = client.state.playout_waited_ns
            waited_ms.append((waited_ns - waited_before_ns) / NS_PER_MS)
            waited_before_ns = waited_ns
            on_turn()
        if time.monotonic() > deadline_s:
            over = len(waited_ms)
            raise PipelineError(f"The client went through {over} of {turns} turns only.")
    return waited_ms


def _edge(design: Design, state: ClientState, recording: Path) -> Edge:
    period_ns = ms_to_ns(design.period_ms)
    return Edge(
        speaker=speaker_clock(design, state, recording),
        # A period is handed over when it is full.
        microphone=CardClock.exact(state.clock_starts_ns["microphone"] - period_ns),
        period_ns=period_ns,
    )


def speaker_clock(design: Design, state: ClientState, recording: Path) -> CardClock:
    """When each sample of the recording passed the edge."""
    if design.device is None:
        start_ns = state.clock_starts_ns["speaker"]
        return CardClock.delayed(start_ns, ms_to_samples(design.period_ms), state.missed["speaker"])
    times = read_times(recording)
    ends = np.cumsum(times["samples"])
    return CardClock(ends - times["samples"], times["taken_ns"])


def _buffer_ms(design: Design, recording: Path) -> float:
    """How long a sample is on its way from the edge to the loudspeaker."""
    if design.device is None:
        return design.period_ms
    times = read_times(recording)
    return float(np.median(times["sounds_ns"] - times["taken_ns"])) / NS_PER_MS
