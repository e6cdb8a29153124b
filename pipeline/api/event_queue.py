"""Events that wait for their user."""

import threading
from collections import deque
from itertools import count

from pipeline.ipc.events import Event, TraceEvent


class EventQueue:
    """Passes events from one thread to another, in order. No method waits.

    At most `MOST_TRACES` events that only explain wait; then the oldest of them is dropped. All
    others are kept: they come at the pace of a conversation.
    """

    MOST_TRACES = 1_000

    def __init__(self) -> None:
        self._numbers = count()
        self._kept: deque[tuple[int, Event]] = deque()
        self._traces: deque[tuple[int, Event]] = deque(maxlen=self.MOST_TRACES)
        self._lock = threading.Lock()

    def put(self, event: Event) -> None:
        waiting = self._traces if isinstance(event, TraceEvent) else self._kept
        with self._lock:
            waiting.append((next(self._numbers), event))

    def take(self) -> Event | None:
        """Return the oldest event; None if there is none."""
        with self._lock:
            if not self._kept:
                waiting = self._traces
            elif not self._traces:
                waiting = self._kept
            else:
                waiting = min(self._kept, self._traces, key=_number_of_first)
            return waiting.popleft()[1] if waiting else None


def _number_of_first(waiting: deque[tuple[int, Event]]) -> int:
    return waiting[0][0]
