"""Measure one client in one scenario: start everything, follow the turns, collect the results."""

import multiprocessing
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.bench.clients import Client, Design
from pipeline.bench.cost import Meter
from pipeline.bench.result import Result, Run, evaluate, max_drain_ms
from pipeline.bench.scenarios import Scenario
from pipeline.bench.service import Script
from pipeline.bench.service_log import ServiceLog
from pipeline.bench.signals import LEAD_MS, microphone
from pipeline.bench.stalls import StallWatchers
from pipeline.bench.voice_server import local_listener
from pipeline.bench.wav_files import write_wav
from pipeline.config.settings import Settings
from pipeline.errors import PipelineError
from pipeline.ipc.processes import ChildProcesses
from pipeline.pcm import NS_PER_MS

GIL_HOLDING_TOOL = Path(__file__).with_name("gil_holding_tool.py")
BULKY_TOOL = Path(__file__).with_name("bulky_tool.py")

POLL_S = 0.05

SETTLE_S = 0.15
"""Time between start-up and the measurement of cost; shorter than the lead of the microphone."""

REPORT_DELAY_S = 0.15
"""Longer than a client takes to report a missed period."""

SLACK_S = 30.0
"""How much longer than planned a run may take: start-up on a busy machine."""


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

    :raises PipelineError: the client failed, or no longer answers.
    """
    drain_ms = max_drain_ms(design, scenario)
    cycle_ms = turn_ms(design, scenario)
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
            tools=_tools(scenario),
            record=str(Path(folder) / "recording") if scenario.records else None,
            ears="on" if scenario.ears else "off",
        )
        with design.start(settings) as client:
            deadline_s = time.monotonic() + (LEAD_MS + turns * cycle_ms) / 1_000 + SLACK_S
            _wait_running(client, service, deadline_s)
            for number in range(scenario.busy_processes):
                instruments.spawn(f"load {number}", "pipeline.bench.load")
            _follow(client, SETTLE_S)
            meter, begin_ns = Meter(client.processes()), time.monotonic_ns()
            waited_ms = _wait_turns(client, service, turns, deadline_s, on_turn)
            _follow(client, drain_ms / 1_000)
            cost, disturbance = meter.read(), meter.disturbance()
            _follow(client, REPORT_DELAY_S)
        run = Run(
            recording=heard,
            state=client.state,
            log=service.wait_log(),
            begin_ns=begin_ns,
            observed=watchers.stalls().since(begin_ns),
            waited_ms=waited_ms,
            cost=cost,
            disturbance=disturbance,
        )
        return evaluate(design, scenario, run)


def turn_ms(design: Design, scenario: Scenario) -> int:
    """Return how long one turn takes."""
    return scenario.cycle_ms(max_drain_ms(design, scenario), design.frame_ms)


class _Service:
    """The runner's side of the scripted service and of the other instruments."""

    def __init__(self, instruments: ChildProcesses, script: Script) -> None:
        self._instruments = instruments
        self._results, sending = multiprocessing.Pipe(duplex=False)
        narrow = script.scenario.unread_ms > 0
        with local_listener(narrow=narrow) as (listener, self.endpoint):
            instruments.spawn("service", "pipeline.bench.service", script, listener, sending)
        sending.close()

    def check(self) -> None:
        """:raises PipelineError: an instrument has ended."""
        for _ in self._instruments.reports(0):
            pass  # failures are raised; other reports do not matter here

    def turns_over(self) -> int:
        """Return how many turns have ended since the last call."""
        over = 0
        while self._results.poll():
            self._results.recv()
            over += 1
        return over

    def wait_log(self) -> ServiceLog:
        """Return the service's log, which it sends when the client has left."""
        deadline_s = time.monotonic() + SLACK_S
        while time.monotonic() < deadline_s:
            self.check()
            if self._results.poll(POLL_S) and isinstance(log := self._results.recv(), ServiceLog):
                self._results.close()
                return log
        raise PipelineError("The client did not close its connection to the service.")


def _tools(scenario: Scenario) -> tuple[str, ...]:
    """Return the files of the functions that the model calls."""
    if scenario.unread_ms:
        return (str(BULKY_TOOL),)
    return (str(GIL_HOLDING_TOOL),) if scenario.gil_holding_tool else ()


def _wait_running(client: Client, service: _Service, deadline_s: float) -> None:
    """Wait until both cards run."""
    while not client.state.running:
        client.wait_reports(POLL_S)
        service.check()
        if time.monotonic() > deadline_s:
            raise PipelineError("The client did not start its cards in time.")


def _follow(client: Client, seconds: float) -> None:
    """Read the client's reports for `seconds`."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        client.wait_reports(left_s)


def _wait_turns(
    client: Client, service: _Service, turns: int, deadline_s: float, on_turn: Callable[[], None]
) -> list[float]:
    """Wait until all turns are over; return the playout delay of each in ms."""
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
            raise PipelineError(f"The client finished only {over} of {turns} turns in time.")
    return waited_ms
