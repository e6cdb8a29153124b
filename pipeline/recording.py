"""The times that go with the recording of a real card: a file beside it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

PERIOD_TIMES = np.dtype([("samples", "<i8"), ("taken_ns", "<i8"), ("sounds_ns", "<i8")])
"""Of one period: its samples, when the card took it, and when it was to leave the loudspeaker.

Times are ``time.monotonic_ns``.
"""


def times_path(recording: Path) -> Path:
    """Where the times of a recording are."""
    return recording.with_suffix(".times")


def read_times(recording: Path) -> npt.NDArray[np.void]:
    """All periods, shape ``(n,)``, dtype `PERIOD_TIMES`."""
    return np.fromfile(times_path(recording), PERIOD_TIMES)
