"""Device periods that were not served in time."""

from collections import deque

from pipeline.ipc.reports import MissedPeriod
from pipeline.shm.atomics import Word

_MOST_REMEMBERED = 10_000


class XrunLog:
    """Counts them in a word that all processes see, and remembers when they were.

    One thread adds, another takes.
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
        """Those that were added since the last call."""
        count = len(self._remembered)
        return tuple(self._remembered.popleft() for _ in range(count))
