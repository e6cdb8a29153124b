"""What the main thread of an audio process does while its stream runs."""

from collections.abc import Iterator

import pytest

from pipeline.audio.adaptive_period import AdaptivePeriodStream, XrunRate
from pipeline.audio.process_loop import run_stream
from pipeline.audio.streams import PrepareThread
from pipeline.audio.xruns import XrunLog
from pipeline.errors import DeviceError
from pipeline.ipc.events import ClockStarted, MissedPeriod, Notice, PeriodsMissed
from pipeline.ipc.reports import Report
from pipeline.shm.state import SharedState

CHECKS = 3


class Stream:
    rate_hz = 24_000

    def __init__(self, period_ms: float) -> None:
        self.description = f"stream at {period_ms:g} ms"
        self.clock_start_ns = int(period_ms)
        self.failure: DeviceError | None = None

    def check(self) -> None:
        if self.failure:
            raise self.failure

    def close(self) -> None: ...


class Link:
    """A supervisor that says stop after a few checks."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._checks_left = CHECKS

    def report(self, report: Report) -> None:
        self.reports.append(report)

    def stop_requested(self, wait_s: float) -> bool:
        assert wait_s > 0, "the main thread sleeps between checks"
        self._checks_left -= 1
        return self._checks_left < 0


class Rig:
    def __init__(self, state: SharedState) -> None:
        self.now_s = 0.0
        self.xruns = XrunLog(state.playback.output_underruns)
        self.link = Link()
        self.heartbeat_ns = state.playback.heartbeat_ns
        self.started: list[Stream] = []
        self.prepared: list[PrepareThread] = []
        self.adaptive = AdaptivePeriodStream(Stream, (5.0, 10.0), self.xruns, lambda: self.now_s)

    def run(self) -> Iterator[Stream]:
        return run_stream("speaker", self.adaptive, self._start, self.link, self.heartbeat_ns)  # type: ignore[arg-type]

    def _start(self, stream: Stream, prepare_thread: PrepareThread) -> None:
        self.started.append(stream)
        self.prepared.append(prepare_thread)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    # The threads are the test's own and keep their priority.
    monkeypatch.setattr("pipeline.audio.process_loop.protect_process", lambda: None)
    with SharedState.create() as state:
        yield Rig(state)


def test_a_stream_is_started_once_and_given_at_each_check(rig: Rig) -> None:
    assert list(rig.run()) == [rig.adaptive.stream] * CHECKS
    assert rig.started == [rig.adaptive.stream]
    assert rig.link.reports == [ClockStarted("speaker", 5)]


def test_xruns_are_reported_once(rig: Rig) -> None:
    for number, _ in enumerate(rig.run()):
        if number == 0:
            rig.xruns.add(1, 2)
    missed = [report for report in rig.link.reports if isinstance(report, PeriodsMissed)]
    assert missed == [PeriodsMissed("speaker", (MissedPeriod(1, 2),))]


def test_a_stream_with_a_longer_period_is_started_and_announced(rig: Rig) -> None:
    given = []
    for stream in rig.run():
        given.append(stream)
        if len(given) == 1:
            rig.now_s += XrunRate.SETTLING_S
            for number in range(XrunRate.TOO_MANY):
                rig.xruns.add(number, number)
    first, second = rig.started
    assert given == [first, second, second]
    assert ClockStarted("speaker", 10) in rig.link.reports
    (notice,) = [report for report in rig.link.reports if isinstance(report, Notice)]
    assert "10 ms" in notice.message
    assert rig.prepared[0] != rig.prepared[1], "the new stream has a thread of its own"


def test_a_stream_that_stops_ends_the_process(rig: Rig) -> None:
    rig.adaptive.stream.failure = DeviceError("unplugged")
    with pytest.raises(DeviceError, match="unplugged"):
        list(rig.run())
