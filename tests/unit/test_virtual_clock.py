"""Device periods without a device. Nothing here depends on how fast the machine is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.audio.virtual_clock import ClockPlace, PeriodClock
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import samples_to_ns
from pipeline.shm.state import SharedState


@pytest.fixture
def missed() -> Iterator[XrunLog]:
    with SharedState.create() as state:
        yield XrunLog(state.playback.output_underruns)


@contextmanager
def running(clock: PeriodClock) -> Iterator[None]:
    clock.start(lambda: None)
    try:
        yield
    finally:
        clock.stop()


class Collector:
    """Keeps the times of the first periods, and says when there are enough."""

    def __init__(self, periods: int) -> None:
        self.times_ns: list[int] = []
        self.enough = threading.Event()
        self._periods = periods

    def __call__(self, due_ns: int) -> None:
        self.times_ns.append(due_ns)
        if len(self.times_ns) == self._periods:
            self.enough.set()


@pytest.mark.parametrize("period_samples", [24, 29, 120])
def test_periods_lie_at_exact_multiples(missed: XrunLog, period_samples: int) -> None:
    collect = Collector(20)
    clock = PeriodClock(period_samples, collect, missed)
    with running(clock):
        collect.enough.wait()
    starts = [samples_to_ns(n * period_samples) for n in range(len(collect.times_ns))]
    assert collect.times_ns == [clock.start_ns + start for start in starts]
    assert clock.period_ns == samples_to_ns(period_samples)


def test_nothing_is_called_before_start_or_after_stop(missed: XrunLog) -> None:
    collect = Collector(3)
    clock = PeriodClock(24, collect, missed)
    assert not collect.times_ns
    assert clock.start_ns == 0
    with running(clock):
        collect.enough.wait()
    periods = len(collect.times_ns)
    assert not _clock_threads()
    assert len(collect.times_ns) == periods


def test_a_clock_that_never_started_can_be_stopped(missed: XrunLog) -> None:
    collect = Collector(1)
    PeriodClock(24, collect, missed).stop()
    assert not collect.times_ns
    assert not _clock_threads()


def test_a_period_that_takes_too_long_is_counted_and_none_is_skipped(missed: XrunLog) -> None:
    collect = Collector(6)
    hold = threading.Event()

    def on_period(due_ns: int) -> None:
        if not collect.times_ns:
            hold.wait(0.02)  # 20 periods
        collect(due_ns)

    clock = PeriodClock(24, on_period, missed)
    with running(clock):
        collect.enough.wait()
    assert missed.total >= 1
    assert collect.times_ns[:3] == [clock.start_ns + samples_to_ns(n * 24) for n in range(3)]


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("odd")])
def test_what_ends_the_clock_is_raised_by_check(missed: XrunLog, error: Exception) -> None:
    reached = threading.Event()

    def on_period(_due_ns: int) -> None:
        reached.set()
        raise error

    clock = PeriodClock(24, on_period, missed)
    clock.check()
    with running(clock):
        reached.wait()
    with pytest.raises(type(error), match=str(error)):
        clock.check()


def _clock_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "period clock"]


def test_a_clock_is_taken_up_at_its_place_without_a_gap(missed: XrunLog) -> None:
    collect = Collector(30)
    start_ns = time.monotonic_ns() - samples_to_ns(20 * 24)
    clock = PeriodClock(24, collect, missed, ClockPlace(start_ns, 100))
    with running(clock):
        collect.enough.wait()
    assert clock.start_ns == start_ns
    starts = [samples_to_ns(100 + n * 24) for n in range(len(collect.times_ns))]
    assert collect.times_ns == [start_ns + start for start in starts]


def test_the_place_after_a_pause_is_the_next_whole_period() -> None:
    place = ClockPlace.after(1_000, 1_000 + samples_to_ns(250), 120)
    assert place == ClockPlace(1_000, 360)
    assert place.due_ns == 1_000 + samples_to_ns(360)
