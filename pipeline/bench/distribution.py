"""Summary of many measured values: percentiles and the maximum, never an average."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

_DOUBT_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Distribution:
    """Nearest-rank percentiles: each is one of the measured values."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """Summarise `values`; None if there are none."""
        measured = np.fromiter(values, float)
        if not measured.size:
            return None
        ranks = np.percentile(measured, (50, 95, 99, 100), method="inverted_cdf")
        return cls(*ranks.tolist())


def least_percentile(values: Sequence[float], percent: int) -> float:
    """Return below which of the measured `values` the true percentile is not, with 95 % certainty.

    The number of values below the true percentile is binomial, whatever they are distributed like.
    -inf for too few values: fewer than five tell nothing of a median.
    """
    count, above = len(values), 100 - percent
    cases, rank = 100**count, 0
    fewer = above**count  # cases in which at most `rank` values are below the percentile
    while 100 * fewer < _DOUBT_PERCENT * cases:
        rank += 1
        fewer += math.comb(count, rank) * percent**rank * above ** (count - rank)
    return sorted(values)[rank - 1] if rank else -math.inf


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a distribution; None where there is none."""

    p50: float
    p99: float | None = None
