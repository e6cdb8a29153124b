"""What is said about many measured values: percentiles and the worst, never an average."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Distribution:
    """Nearest-rank percentiles: each is a value that was measured."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """None if there is no value."""
        measured = np.fromiter(values, float)
        if not measured.size:
            return None
        ranks = np.percentile(measured, (50, 95, 99, 100), method="inverted_cdf")
        return cls(*ranks.tolist())
