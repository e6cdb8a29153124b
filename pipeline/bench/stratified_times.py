"""When the scripted service does something: at random, but fair to every phase of the card."""

import asyncio
import random
import time

from pipeline.pcm import NS_PER_S, ms_to_ns


class StratifiedTimes:
    """A time for each turn, anywhere within bounds, and all together evenly within a card's period.

    Where in its period an event meets the card decides most of what is measured. Drawn
    independently, the few events of a run would favour some places by chance.

    :param bounds_ms: shortest and longest time after something else.
    :param turns: how many times there are to be spread.
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
        """When it is to happen in `turn`, the bounds counted from `after_ns`.

        When the card's periods begin is not known here: those of the clock serve as well. What is
        evenly spread over them is evenly spread over any others of the same length.
        """
        earliest_ns = after_ns + self._lowest_ns + int(self._random.uniform(0, self._spare_ns))
        place_ns = int(self._places[turn] * self._period_ns)
        return earliest_ns + (place_ns - earliest_ns) % self._period_ns


async def wait_until(due_ns: int) -> None:
    """Sleep in a thread, to within some 0.1 ms: an event loop's own timers know whole ms only."""
    if (wait_ns := due_ns - time.monotonic_ns()) > 0:
        await asyncio.to_thread(time.sleep, wait_ns / NS_PER_S)
