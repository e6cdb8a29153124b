"""Random times for the scripted service, spread evenly over the phases of the card."""

import asyncio
import random
import time

from pipeline.pcm import NS_PER_S, ms_to_ns


class StratifiedTimes:
    """A random time for each turn; their phases within the card's period are spread evenly.

    The phase at which an event meets the card decides most of what is measured. Phases drawn
    independently would favour some by chance, as a run has only few events.

    :param bounds_ms: shortest and longest time after a reference.
    :param turns: number of times that are spread evenly.
    """

    def __init__(
        self, bounds_ms: tuple[float, float], period_ms: float, turns: int, rng: random.Random
    ) -> None:
        lowest_ms, highest_ms = bounds_ms
        self._lowest_ns, width_ns = ms_to_ns(lowest_ms), ms_to_ns(highest_ms - lowest_ms)
        self._period_ns = min(ms_to_ns(period_ms), width_ns)
        self._spare_ns = width_ns - self._period_ns
        self._places = [(index + rng.random()) / turns for index in range(turns)]
        rng.shuffle(self._places)
        self._random = rng

    def of(self, turn: int, after_ns: int) -> int:
        """Return the time in `turn`, ``time.monotonic_ns``; the bounds count from `after_ns`.

        The start of the card's periods is not known here. Multiples of the period on the clock
        serve as well: what is spread evenly over them is spread evenly over any other periods of
        the same length.
        """
        earliest_ns = after_ns + self._lowest_ns + int(self._random.uniform(0, self._spare_ns))
        place_ns = int(self._places[turn] * self._period_ns)
        return earliest_ns + (place_ns - earliest_ns) % self._period_ns


async def wait_until(due_ns: int) -> None:
    """Sleep in a thread, exact to some 0.1 ms; timers of the event loop are exact to 1 ms only."""
    if (wait_ns := due_ns - time.monotonic_ns()) > 0:
        await asyncio.to_thread(time.sleep, wait_ns / NS_PER_S)
