"""When the machine itself stood still, so that no program on it could have been in time.

A witness on each processor, of the highest real-time priority, does nothing but sleep for a
millisecond again and again. Where it does not wake, the processor was taken away from the whole
machine: by the host of a virtual machine, by firmware, or inside the kernel. What the machine
delays is counted apart from what a client delays.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np

from pipeline.child import Supervised, run_child
from pipeline.children import Children
from pipeline.commands import Command
from pipeline.errors import PipelineError
from pipeline.pcm import NS_PER_MS
from pipeline.realtime import no_garbage_collection
from pipeline.reports import Report
from pipeline.scheduling import promote_this_thread

WITNESS_PRIORITY = 90
"""Above any thread of a client."""

NAP_S = 0.001
SHORTEST_NS = 1_500_000
"""From one waking to the next: a nap, and half a millisecond of standing still. Several such in a
row delay whoever needs the processor for longer than the witness does."""

SHORTEST_STALL_NS = 2_500_000
"""A nap, and 1.5 ms: what alone delays a turn."""

STOP_POLL_NAPS = 50
PATIENCE_S = 5.0


class Stall(NamedTuple):
    """Times are ``time.monotonic_ns``."""

    begin_ns: int
    end_ns: int


class Stalls:
    """What the witnesses of all processors saw.

    :ivar watched: whether there was any witness.
    """

    def __init__(self, seen: Iterable[Stall] = (), *, watched: bool = True) -> None:
        self.watched = watched
        self.all = _merged(seen)
        self._begins = np.array([stall.begin_ns for stall in self.all], np.int64)
        self._ends = np.array([stall.end_ns for stall in self.all], np.int64)

    def within_ns(self, begin_ns: float, end_ns: float, aftermath_ns: float = 0) -> float:
        """How much of that time the machine stood still.

        :param aftermath_ns: time after each stall that counts as well: all that waited for the
            processor wants it at once then.
        """
        ends = np.minimum(self._ends + aftermath_ns, end_ns)
        overlaps = ends - np.maximum(self._begins, begin_ns)
        return float(np.maximum(overlaps, 0).sum())

    def since(self, begin_ns: int) -> "Stalls":
        """Those that ended after `begin_ns`."""
        return Stalls((s for s in self.all if s.end_ns > begin_ns), watched=self.watched)

    @property
    def long(self) -> "Stalls":
        """Those that are counted one by one."""
        long = (s for s in self.all if s.end_ns - s.begin_ns > SHORTEST_STALL_NS)
        return Stalls(long, watched=self.watched)

    @property
    def longest_ms(self) -> float:
        return max((stall.end_ns - stall.begin_ns for stall in self.all), default=0) / NS_PER_MS


class Witnesses:
    """Processes that watch from now on, until `stalls` is asked for."""

    def __init__(self, children: Children) -> None:
        self._results: list[Connection[None, list[Stall] | None]] = []
        self._stops: list[Connection[None, None]] = []
        for cpu in sorted(_cpus()):
            results, sending = multiprocessing.Pipe(duplex=False)
            stop, stopping = multiprocessing.Pipe(duplex=False)
            children.spawn(f"witness {cpu}", __name__, cpu, sending, stop)
            sending.close()
            stop.close()
            self._results.append(results)
            self._stops.append(stopping)

    def stalls(self) -> Stalls:
        """End the watch, and tell what was seen."""
        seen: list[Stall] = []
        watched = bool(self._results)
        for stopping, results in zip(self._stops, self._results, strict=True):
            stopping.close()
            if not results.poll(PATIENCE_S):
                raise PipelineError("A witness of the machine's standstills does not answer.")
            found = results.recv()
            results.close()
            watched &= found is not None
            seen += found or []
        return Stalls(seen if watched else (), watched=watched)


def main(
    pipe: "Connection[Report, Command]",
    cpu: int,
    results: "Connection[list[Stall] | None, None]",
    stop: "Connection[None, None]",
) -> None:
    """Entry point of a spawned witness; `stop` ends its watch when it is closed."""
    run_child(pipe, False, partial(_watch, cpu, results, stop))


def _watch(
    cpu: int,
    results: "Connection[list[Stall] | None, None]",
    stop: "Connection[None, None]",
    supervised: Supervised,
) -> None:
    if sys.platform != "linux" or promote_this_thread(WITNESS_PRIORITY) is None:
        results.send(None)
    else:
        os.sched_setaffinity(0, {cpu})
        with no_garbage_collection():
            results.send(_stalls_until(stop))
    supervised.stop_requested(None)


def _stalls_until(stop: "Connection[None, None]") -> list[Stall]:
    stalls = []
    naps = 0
    before_ns = time.monotonic_ns()
    while naps % STOP_POLL_NAPS or not stop.poll():
        time.sleep(NAP_S)
        now_ns = time.monotonic_ns()
        if now_ns - before_ns > SHORTEST_NS:
            stalls.append(Stall(before_ns, now_ns))
        before_ns = now_ns
        naps += 1
    return stalls


def _cpus() -> set[int]:
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def _merged(stalls: Iterable[Stall]) -> list[Stall]:
    """Without overlaps, in order."""
    merged: list[Stall] = []
    for stall in sorted(stalls):
        if merged and stall.begin_ns <= merged[-1].end_ns:
            merged[-1] = Stall(merged[-1].begin_ns, max(merged[-1].end_ns, stall.end_ns))
        else:
            merged.append(stall)
    return merged
