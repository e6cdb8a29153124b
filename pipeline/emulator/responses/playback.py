"""What the client has played of the answers, if it plays them in real time as they come.

Sound is sent many times faster than it plays: an answer sounds on long after its last event.
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
    """An item that was still to sound, in part or as a whole, and how much had sounded."""

    item_id: str
    heard_ms: int


class Playback:
    """One answer sounds after the other, each from when its first sound was sent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock in seconds."""
        self._clock = clock
        self._queue: deque[_Playing] = deque()

    @property
    def is_sounding(self) -> bool:
        self._forget_played()
        return bool(self._queue)

    def sent(self, item_id: str, samples: int) -> None:
        """Sound of an item was sent, 24 kHz."""
        now_s = self._clock()
        last = self._queue[-1] if self._queue else None
        if last is None or last.item_id != item_id:
            self._forget_played()
            free_s = self._queue[-1].ends_s if self._queue else now_s
            last = _Playing(item_id, free_s)
            self._queue.append(last)
        elif last.ends_s < now_s:  # it ran dry, and goes on now
            last.starts_s += now_s - last.ends_s
        last.samples += samples

    def forget(self, item_id: str) -> None:
        """The client plays this item no longer."""
        self._queue = deque(playing for playing in self._queue if playing.item_id != item_id)

    def stop(self) -> list[Unheard]:
        """The client falls silent now; return what it has not played to its end."""
        self._forget_played()
        now_s = self._clock()
        unheard = [
            Unheard(playing.item_id, max(0, int((now_s - playing.starts_s) * 1_000)))
            for playing in self._queue
        ]
        self._queue.clear()
        return unheard

    def _forget_played(self) -> None:
        now_s = self._clock()
        while self._queue and self._queue[0].ends_s <= now_s:
            self._queue.popleft()
