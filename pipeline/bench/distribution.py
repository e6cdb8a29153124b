"""Summary of many measured values: percentiles and the maximum, never an average."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np


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


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a distribution; None where there is none."""

    p50: float
    p99: float | None = None
