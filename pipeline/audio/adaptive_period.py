"""The shortest period that a card keeps up with, found by using it."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pipeline.audio.streams import AudioStream
from pipeline.audio.xruns import XrunLog
from pipeline.errors import DeviceError

PERIODS_MS = (5.0, 10.0, 20.0, 40.0)
"""Tried from the shortest on."""

AnyStream = TypeVar("AnyStream", bound=AudioStream)


class XrunRate:
    """Tells occasional misses, which any machine has, from a period that is too short."""

    TOO_MANY = 3
    WITHIN_S = 2.0
    SETTLING_S = 0.5
    """A card that has just been opened may miss some."""

    def __init__(self, total: int, now_s: float) -> None:
        self._since_s = now_s + self.SETTLING_S
        self._before = total

    def too_many(self, total: int, now_s: float) -> bool:
        """Whether `total`, the misses of the card's whole life, has grown too fast."""
        if total - self._before >= self.TOO_MANY and now_s >= self._since_s:
            return True
        if now_s < self._since_s or now_s > self._since_s + self.WITHIN_S:
            self._before = total
            self._since_s = max(now_s, self._since_s)
        return False


class AdaptivePeriodStream(Generic[AnyStream]):
    """A card that is opened anew with a longer period when the one that it has is too short.

    :param open_stream: opens a card with a period in ms.
    :param periods_ms: to choose from, shortest first.
    :param xruns: periods that the card missed; it adds them itself.
    """

    def __init__(
        self,
        open_stream: Callable[[float], AnyStream],
        periods_ms: tuple[float, ...],
        xruns: XrunLog,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_stream = open_stream
        self._clock_s = clock_s
        self.period_ms, *self._longer_ms = periods_ms
        self.xruns = xruns
        self.stream = open_stream(self.period_ms)
        self._recent = XrunRate(xruns.total, clock_s())

    def check(self) -> bool:
        """Whether `card` is a new one, to be started.

        :raises PipelineError: it has stopped by itself.
        """
        self.stream.check()
        if not self._recent.too_many(self.xruns.total, self._clock_s()) or not self._longer_ms:
            return False
        self.period_ms = self._longer_ms.pop(0)
        rate_hz = self.stream.rate_hz
        self.stream.close()
        self.stream = self._open_stream(self.period_ms)
        self._recent = XrunRate(self.xruns.total, self._clock_s())
        if self.stream.rate_hz != rate_hz:
            raise DeviceError(f"{self.stream.description} changed its rate: start again.")
        return True

    @property
    def explanation(self) -> str:
        """What a person is told of a new card."""
        return f"The card missed periods: {self.stream.description} from now on."

    def close(self) -> None:
        self.stream.close()
