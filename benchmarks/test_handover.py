"""Round trip of a frame to another process: the ring against what Python and PyPI offer.

python -m pytest benchmarks
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.transports import Exchange, fifo, mp_queue, pipe, ring
from pipeline.pcm import FRAME_SAMPLES, Samples

VERIFIED_FRAMES = 200


@pytest.mark.parametrize("transport", [ring, pipe, mp_queue, fifo])
def test_round_trip(
    transport: Callable[[], AbstractContextManager[Exchange]], benchmark: BenchmarkFixture
) -> None:
    with transport() as exchange:
        for frame in frames(VERIFIED_FRAMES):
            assert np.array_equal(exchange(frame), frame)
        pedantic: Any = benchmark.pedantic
        pedantic(exchange, (frames(1)[0],), rounds=2_000, warmup_rounds=200)


def frames(count: int) -> Samples:
    """Seeded noise, shape ``(count, 1200)``."""
    random = np.random.default_rng(count)
    return random.integers(-32_768, 32_767, (count, FRAME_SAMPLES), np.int16, endpoint=True)
