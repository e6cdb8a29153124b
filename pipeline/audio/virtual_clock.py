"""Periods without a device: a thread that wakes at exact multiples of the period.

Like a real device, it has one period of buffer in each direction: what is handed over in a period
sounds one period later, or was captured one period earlier.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from pipeline.audio.streams import PrepareThread
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, samples_to_ns


class ClockPlace(NamedTuple):
    """Where a new process takes up the clock of one that died."""

    start_ns: int
    """``time.monotonic_ns`` of sample 0."""
    sample: int
    """The first sample of the next period."""

    @classmethod
    def after(cls, start_ns: int, now_ns: int, period_samples: int) -> "ClockPlace":
        """Return the first place after `now_ns` at which a period begins."""
        passed_samples = (now_ns - start_ns) * SAMPLE_RATE_HZ // NS_PER_S
        return cls(start_ns, (passed_samples // period_samples + 1) * period_samples)

    @property
    def due_ns(self) -> int:
        return self.start_ns + samples_to_ns(self.sample)


class PeriodClock:
    """Calls `on_period` with the time at which each period starts, as a device's clock would.

    A call that has not returned when the next period starts would have been too late for a real
    device: it is added to `xruns`. The calls that are late follow without a pause, so that no
    sample is skipped.

    :param place: where to go on. Periods that passed meanwhile follow without a pause, and are not
        counted.
    :ivar start_ns: ``time.monotonic_ns`` of sample 0; 0 before `start`.
    """

    def __init__(
        self,
        period_samples: int,
        on_period: Callable[[int], None],
        xruns: XrunLog,
        place: ClockPlace | None = None,
    ) -> None:
        self.start_ns = 0
        self._place = place
        self.period_ns = samples_to_ns(period_samples)
        self._period_samples = period_samples
        self._on_period = on_period
        self._xruns = xruns
        self._begun = threading.Event()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self, prepare_thread: PrepareThread) -> None:
        """Begin the first period; returns when its time is known."""
        self._thread = threading.Thread(
            target=self._run, args=(prepare_thread,), name="period clock", daemon=True
        )
        self._thread.start()
        self._begun.wait()

    def check(self) -> None:
        """Raise the error that has ended the clock, if there is one."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End the thread; nothing is called after this returns."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, prepare_thread: PrepareThread) -> None:
        try:
            prepare_thread()
            self.start_ns, sample = self._place or (time.monotonic_ns(), 0)
            caught_up = self._place is None
            self._begun.set()
            while not self._stop.is_set():
                due_ns = self.start_ns + samples_to_ns(sample)
                ahead_ns = due_ns - time.monotonic_ns()
                if ahead_ns > 0:
                    caught_up = True
                    time.sleep(ahead_ns / NS_PER_S)
                self._on_period(due_ns)
                done_ns = time.monotonic_ns()
                if caught_up and done_ns > due_ns + self.period_ns:
                    self._xruns.add(due_ns, done_ns)
                sample += self._period_samples
        except BaseException as error:  # noqa: BLE001 - check() raises it
            self._failure = error
            self._begun.set()
