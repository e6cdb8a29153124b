"""Which period a device gets when it has xruns."""

from collections.abc import Callable, Iterator

import pytest

from pipeline.audio.adaptive_period import AdaptivePeriodStream, XrunRate
from pipeline.audio.xruns import XrunLog
from pipeline.errors import CardLostError
from pipeline.shm.state import SharedState

SETTLED_S = XrunRate.SETTLING_S
STEP_S = 0.1


class AudioStream:
    """A stream as `AdaptivePeriodStream` sees it."""

    clock_start_ns = 0

    def __init__(self, period_ms: float, rate_hz: int = 24_000) -> None:
        self.period_ms = period_ms
        self.rate_hz = rate_hz
        self.description = f"card at {period_ms:g} ms"
        self.closed = False
        self.checked = 0

    def check(self) -> None:
        self.checked += 1

    def close(self) -> None:
        self.closed = True


class Rig:
    def __init__(self, state: SharedState, open_stream: Callable[[float], AudioStream]) -> None:
        self.now_s = 100.0
        self._missed = XrunLog(state.playback.output_underruns)
        self._miss(7)  # of an earlier card
        self.opened: list[AudioStream] = []

        def opened(period_ms: float) -> AudioStream:
            self.opened.append(open_stream(period_ms))
            return self.opened[-1]

        self.steady = AdaptivePeriodStream(
            opened, (5.0, 10.0, 20.0), self._missed, lambda: self.now_s
        )

    def after(self, seconds: float, misses: int = 0) -> bool:
        """Let time go by, with misses at its end; returns whether there is a new stream."""
        changed = False
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            changed |= self.steady.check()
        self._miss(misses)
        return self.steady.check() or changed

    def _miss(self, periods: int) -> None:
        for number in range(periods):
            self._missed.add(number, number + 1)


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


@pytest.fixture
def rig(state: SharedState) -> Rig:
    return Rig(state, AudioStream)


def test_the_shortest_period_is_kept_while_nothing_is_missed(rig: Rig) -> None:
    assert not rig.after(60)
    assert rig.steady.period_ms == 5.0
    assert len(rig.opened) == 1
    assert rig.opened[0].checked > 500


def test_a_few_misses_at_the_start_and_now_and_then_change_nothing(rig: Rig) -> None:
    assert not rig.after(SETTLED_S / 2, misses=10)
    for _ in range(10):
        assert not rig.after(XrunRate.WITHIN_S + 1, misses=XrunRate.TOO_MANY - 1)


def test_misses_in_quick_succession_lengthen_the_period(rig: Rig) -> None:
    assert not rig.after(SETTLED_S + 0.2, misses=1)
    assert rig.after(0.2, misses=2)
    first, second = rig.opened
    assert first.closed
    assert rig.steady.stream is second
    assert rig.steady.period_ms == second.period_ms == 10.0
    assert "10 ms" in rig.steady.explanation


def test_the_longest_period_is_the_last(rig: Rig) -> None:
    changes = [rig.after(SETTLED_S + 0.2, misses=XrunRate.TOO_MANY) for _ in range(5)]
    assert changes == [True, True, False, False, False]
    assert rig.steady.period_ms == 20.0
    assert not rig.opened[-1].closed
    rig.steady.close()
    assert rig.opened[-1].closed


def test_a_device_that_comes_back_at_another_rate_is_lost(
    state: SharedState,
) -> None:
    rig = Rig(state, lambda period_ms: AudioStream(period_ms, 24_000 if period_ms == 5 else 48_000))
    with pytest.raises(CardLostError, match="24000 Hz before"):
        rig.after(SETTLED_S + 0.2, misses=XrunRate.TOO_MANY)
