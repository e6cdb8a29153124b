"""Xruns: periods that were not served in time."""

from collections import deque

from pipeline.ipc.events import MissedPeriod
from pipeline.shm.atomics import Word

_MOST_REMEMBERED = 10_000


class XrunLog:
    """Counts xruns in a shared word and remembers when they happened.

    One thread calls `add`, another calls `take`.
    """

    def __init__(self, total: Word) -> None:
        self._total = total
        self._remembered: deque[MissedPeriod] = deque(maxlen=_MOST_REMEMBERED)

    @property
    def total(self) -> int:
        return self._total.load()

    def add(self, due_ns: int, done_ns: int) -> None:
        self._total.add(1)
        self._remembered.append(MissedPeriod(due_ns, done_ns))

    def take(self) -> tuple[MissedPeriod, ...]:
        """Return those that were added since the previous call."""
        count = len(self._remembered)
        return tuple(self._remembered.popleft() for _ in range(count))
