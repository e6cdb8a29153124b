"""Summary of many measured values: percentiles and the maximum, never an average."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

_DOUBT = 0.05


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


def least_median(values: Sequence[float]) -> float:
    """Return below which of the measured `values` the true median is not, with 95 % certainty.

    The number of values below the true median is binomial, whatever they are distributed like.
    -inf for fewer than five values.
    """
    cases, rank = 2 ** len(values), 0
    fewer = 1  # cases in which at most `rank` values are below the median
    while fewer <= _DOUBT * cases:
        rank += 1
        fewer += math.comb(len(values), rank)
    return sorted(values)[rank - 1] if rank else -math.inf


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a distribution; None where there is none."""

    p50: float
    p99: float | None = None
