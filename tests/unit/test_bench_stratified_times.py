"""Times of the scripted service: within their bounds, spread evenly over the card's phases."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bench.stratified_times import StratifiedTimes
from pipeline.pcm import NS_PER_MS

TURNS = 40


@given(
    after_ns=st.integers(0, 10**15),
    lowest_ms=st.floats(0, 300),
    width_ms=st.floats(5, 300),
    period_ms=st.sampled_from([2.5, 5.0, 10.0, 50.0]),
    seed=st.integers(),
)
def test_times_lie_within_the_bounds(
    after_ns: int, lowest_ms: float, width_ms: float, period_ms: float, seed: int
) -> None:
    bounds_ms = (lowest_ms, lowest_ms + width_ms)
    times = StratifiedTimes(bounds_ms, period_ms, TURNS, random.Random(seed))
    waits_ms = [(times.of(turn, after_ns) - after_ns) / NS_PER_MS for turn in range(TURNS)]
    assert min(waits_ms) >= bounds_ms[0] - 1e-6
    assert max(waits_ms) <= bounds_ms[1] + 1e-6


@pytest.mark.parametrize("card_starts_ns", [0, 123_456_789])
@pytest.mark.parametrize("period_ms", [5.0, 10.0])
def test_times_are_spread_evenly_over_the_period_of_any_card(
    period_ms: float, card_starts_ns: int
) -> None:
    rng = random.Random(7)
    times = StratifiedTimes((40.0, 240.0), period_ms, TURNS, rng)
    period_ns = int(period_ms * NS_PER_MS)
    phases = sorted(
        (times.of(turn, rng.randrange(10**15)) - card_starts_ns) % period_ns
        for turn in range(TURNS)
    )
    for index, phase_ns in enumerate(phases):
        assert abs(phase_ns / period_ns - (index + 0.5) / TURNS) < 1.6 / TURNS


def test_times_are_random_within_the_bounds() -> None:
    times = StratifiedTimes((40.0, 240.0), 5.0, TURNS, random.Random(3))
    periods = {times.of(turn, 0) // (5 * NS_PER_MS) for turn in range(TURNS)}
    assert len(periods) > TURNS / 2
