"""Device periods without a device: a thread that wakes at exact multiples of the period."""

import threading
import time
from collections.abc import Callable

from pipeline.pcm import NS_PER_S, samples_to_ns


class PeriodClock:
    """Calls `on_period` with the time at which each period starts, as a card's clock would.

    Late periods are caught up one by one, so that no sample is ever skipped.
    """

    def __init__(self, period_samples: int, on_period: Callable[[int], None]) -> None:
        self._period_samples = period_samples
        self._on_period = on_period
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="period clock", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raise whatever ended the clock early."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End the thread; nothing is called after this returns."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        start_ns = time.monotonic_ns()
        periods = 0
        try:
            while not self._stop.is_set():
                due_ns = start_ns + samples_to_ns(periods * self._period_samples)
                ahead_ns = due_ns - time.monotonic_ns()
                if ahead_ns > 0:
                    time.sleep(ahead_ns / NS_PER_S)
                self._on_period(due_ns)
                periods += 1
        except BaseException as error:  # noqa: BLE001 - handed to whoever calls check()
            self._failure = error
