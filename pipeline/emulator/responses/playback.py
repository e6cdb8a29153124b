"""An estimate of what the client has played: it plays answers in real time as they arrive.

Sound is sent many times faster than it plays, so an answer sounds long after its last event.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.pcm import SAMPLE_RATE_HZ


@dataclass(slots=True)
class _Playing:
    item_id: str
    starts_s: float
    samples: int = 0

    @property
    def ends_s(self) -> float:
        return self.starts_s + self.samples / SAMPLE_RATE_HZ


class Unheard(NamedTuple):
    """An item that had not sounded to its end, and how much of it had sounded."""

    item_id: str
    heard_ms: int


class Playback:
    """Answers sound one after the other, each no earlier than its first sound was sent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock in seconds."""
        self._clock = clock
        self._queue: deque[_Playing] = deque()

    @property
    def is_sounding(self) -> bool:
        self._drop_played()
        return bool(self._queue)

    def sent(self, item_id: str, samples: int) -> None:
        """Add sound of an item that was sent, 24 kHz."""
        now_s = self._clock()
        last = self._queue[-1] if self._queue else None
        if last is None or last.item_id != item_id:
            self._drop_played()
            free_s = self._queue[-1].ends_s if self._queue else now_s
            last = _Playing(item_id, free_s)
            self._queue.append(last)
        elif last.ends_s < now_s:  # it had ended, and continues now
            last.starts_s += now_s - last.ends_s
        last.samples += samples

    def forget(self, item_id: str) -> None:
        """Drop an item that the client stops playing."""
        self._queue = deque(playing for playing in self._queue if playing.item_id != item_id)

    def stop(self) -> list[Unheard]:
        """Drop everything: the client falls silent. Return the items not played to their end."""
        self._drop_played()
        now_s = self._clock()
        unheard = [
            Unheard(playing.item_id, max(0, int((now_s - playing.starts_s) * 1_000)))
            for playing in self._queue
        ]
        self._queue.clear()
        return unheard

    def _drop_played(self) -> None:
        now_s = self._clock()
        while self._queue and self._queue[0].ends_s <= now_s:
            self._queue.popleft()
