"""Level meters: how loud a sound is, as steps of a bar; the loudest moment stays for a while."""

from typing import NamedTuple

STEPS = 20
FLOOR_DBFS = -60.0
FALL_STEPS = 4
"""The most that a level falls from one look to the next: 120 dB a second at ten looks."""
HOLD_S = 1.5
"""How long the loudest moment is shown."""


class Bar(NamedTuple):
    """What a meter shows, in steps from 0 (`FLOOR_DBFS` and below) to `STEPS` (full scale)."""

    level: int
    peak: int
    """The loudest step of the last `HOLD_S`."""


SILENT = Bar(0, 0)


def steps_of(dbfs: float, steps: int) -> int:
    """Return how many of `steps` a level in dB of full scale fills."""
    return round(min(1.0, max(0.0, 1 - dbfs / FLOOR_DBFS)) * steps)


class Meter:
    """Follows one sound."""

    def __init__(self) -> None:
        self._bar = SILENT
        self._hold_until_s = 0.0

    @property
    def bar(self) -> Bar:
        return self._bar

    def take(self, rms_dbfs: float, peak_dbfs: float, now_s: float) -> None:
        """Show the loudness of the latest tenths of a second."""
        level = max(steps_of(rms_dbfs, STEPS), self._bar.level - FALL_STEPS)
        peak = steps_of(peak_dbfs, STEPS)
        if peak >= self._bar.peak or now_s >= self._hold_until_s:
            self._hold_until_s = now_s + HOLD_S
        else:
            peak = self._bar.peak
        self._bar = Bar(level, max(level, peak))
