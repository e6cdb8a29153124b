"""Finds the shortest period at which a device runs without xruns, by using it."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pipeline.audio.streams import AudioStream
from pipeline.audio.xruns import XrunLog
from pipeline.errors import CardLostError, DeviceError

PERIODS_MS = (5.0, 10.0, 20.0, 40.0)
"""In the order in which they are tried."""

AnyStream = TypeVar("AnyStream", bound=AudioStream)


class XrunRate:
    """Tells occasional xruns, which every machine has, from a period that is too short."""

    TOO_MANY = 3
    WITHIN_S = 2.0
    SETTLING_S = 0.5
    """Xruns directly after opening do not count."""

    def __init__(self, total: int, now_s: float) -> None:
        self._since_s = now_s + self.SETTLING_S
        self._before = total

    def too_many(self, total: int, now_s: float) -> bool:
        """Whether `total`, the xruns of the whole run, has grown too fast."""
        if total - self._before >= self.TOO_MANY and now_s >= self._since_s:
            return True
        if now_s < self._since_s or now_s > self._since_s + self.WITHIN_S:
            self._before = total
            self._since_s = max(now_s, self._since_s)
        return False


class AdaptivePeriodStream(Generic[AnyStream]):
    """A stream that is replaced by one with a longer period where its own is too short.

    :param open_stream: opens a stream with a period in ms.
    :param periods_ms: periods to try, shortest first.
    :param xruns: counts the xruns; the stream adds them.
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
        """Replace the stream if it has too many xruns; returns whether it is a new one, to start.

        :raises CardLostError: the card has gone, or cannot be opened again by this process.
        :raises PipelineError: the stream has failed.
        """
        self.stream.check()
        if not self._recent.too_many(self.xruns.total, self._clock_s()) or not self._longer_ms:
            return False
        self.period_ms = self._longer_ms.pop(0)
        rate_hz = self.stream.rate_hz
        self.stream.close()
        try:
            self.stream = self._open_stream(self.period_ms)
        except DeviceError as error:
            raise CardLostError(str(error)) from error
        self._recent = XrunRate(self.xruns.total, self._clock_s())
        if self.stream.rate_hz != rate_hz:
            raise CardLostError(
                f"{self.stream.description}: the device ran at {rate_hz} Hz before."
            )
        return True

    @property
    def explanation(self) -> str:
        """The sentence for a person after `check` has replaced the stream."""
        return f"The period was too short for the device. From now on: {self.stream.description}."

    def close(self) -> None:
        self.stream.close()
