"""Detects standstill: of a process that runs but does not work, or of a card that does not call."""

from collections.abc import Callable
from typing import Generic, TypeVar

Sign = TypeVar("Sign")


class Standstill(Generic[Sign]):
    """For how long a sign of life has not changed, as seen by looking at it a few times a second.

    A gap between two looks counts up to `LONGEST_GAP_S`, so that a machine that slept, or a
    watchdog that itself stood still, is no reason to judge anything.

    :param sign: changes while what is watched works.
    :ivar moved: whether it has changed since the watch began.
    :ivar standing_s: time since the latest change.
    """

    LONGEST_GAP_S = 0.5

    def __init__(self, sign: Callable[[], Sign]) -> None:
        self._sign = sign
        self._seen = sign()
        self._looked_s: float | None = None
        self.moved = False
        self.standing_s = 0.0

    def look(self, now_s: float, *, counts: bool = True) -> None:
        """Look again; the gap since the previous look counts only if `counts`."""
        gap_s = 0.0 if self._looked_s is None else now_s - self._looked_s
        self._looked_s = now_s
        seen = self._sign()
        if seen != self._seen:
            self._seen = seen
            self.moved = True
            self.standing_s = 0.0
        elif counts:
            self.standing_s += min(gap_s, self.LONGEST_GAP_S)
