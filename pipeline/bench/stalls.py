"""Machine stalls: times at which a processor itself stood still, so that every program was late.

A watcher process on each processor sleeps for a millisecond again and again, with a priority above
every thread of a client. When it wakes too late, the processor was taken from all programs: by the
host of a virtual machine, by firmware, or inside the kernel. Delays by the machine are counted
apart from delays by a client. A client's threads may run on any processor, so the stalls of all
processors count.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple, Self

import numpy as np

from pipeline.bench.keep_awake import processors
from pipeline.errors import PipelineError
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import MissedPeriod
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report
from pipeline.pcm import NS_PER_MS, NS_PER_S
from pipeline.system.realtime import no_garbage_collection
from pipeline.system.scheduling import promote_this_thread

WATCHER_PRIORITY = 90
"""Above every thread of a client."""

SLEEP_NS = NS_PER_MS
SHORTEST_NS = NS_PER_MS // 2
"""Least lateness that counts as a stall: several short ones in a row delay a computing thread."""

LONG_NS = 3 * NS_PER_MS // 2
"""Stalls of this length delay a turn; the report counts them one by one."""

DISTORTING_PART = 0.1
"""Stalls that take a greater part of a measured time distort it."""

POLL_SLEEPS = 50
ANSWER_TIMEOUT_S = 5.0


class Stall(NamedTuple):
    """Time from the last wake-up of a watcher in time to its late one, ``time.monotonic_ns``.

    Where in the sleep between them the processor stopped is unknown.
    """

    begin_ns: int
    end_ns: int


class MissedPeriods(NamedTuple):
    """Card periods that came too late, by cause."""

    own: list[MissedPeriod]
    """Late because of the client."""
    excused: list[MissedPeriod]
    """Late because of the machine."""


class Stalls:
    """The stalls of all processors together.

    :ivar watched: whether watchers were running.
    :ivar all: stalls in order, without overlaps.
    """

    def __init__(self, seen: Iterable[Stall] = (), *, watched: bool = True) -> None:
        self.watched = watched
        self.all = _merged(seen)
        self._begins = np.array([stall.begin_ns for stall in self.all], np.int64)
        self._ends = np.array([stall.end_ns for stall in self.all], np.int64)

    def within_ns(self, begin_ns: float, end_ns: float) -> float:
        """Return for how long of that time a processor stood still."""
        overlaps = np.minimum(self._ends, end_ns) - np.maximum(self._begins, begin_ns)
        return float(np.maximum(overlaps, 0).sum())

    def distort(self, begin_ns: float, end_ns: float) -> bool:
        """Return whether stalls took more than `DISTORTING_PART` of that time."""
        return self.within_ns(begin_ns, end_ns) > DISTORTING_PART * max(0, end_ns - begin_ns)

    def classify(self, missed: Iterable[MissedPeriod], period_ns: int) -> "MissedPeriods":
        """Sort the missed periods of one card by cause.

        A period is excused if stalls lasted at least as long as it was late. Periods missed in a
        row are one backlog: what delayed the first delays all. How late a period was that a real
        card reports as missed is unknown (done at its due time): it is never excused.
        """
        classified = MissedPeriods([], [])
        backlog_ns, next_ns = 0, -period_ns
        for period in sorted(missed):
            if period.due_ns > next_ns:
                backlog_ns = period.due_ns
            next_ns = period.due_ns + 3 * period_ns // 2
            late_ns = period.done_ns - period.due_ns - period_ns
            excused = 0 < late_ns <= self.within_ns(backlog_ns, period.done_ns)
            (classified.excused if excused else classified.own).append(period)
        return classified

    def since(self, begin_ns: int) -> "Stalls":
        """Return the stalls that ended after `begin_ns`."""
        return Stalls((s for s in self.all if s.end_ns > begin_ns), watched=self.watched)

    def joined(self, more: Iterable[Stall]) -> "Stalls":
        """Return these stalls together with other times that count as stalls."""
        return Stalls((*self.all, *more), watched=self.watched)

    def longer_than(self, ns: int) -> "Stalls":
        """Return the stalls that lasted longer than `ns` besides the watcher's own sleep."""
        long = (s for s in self.all if s.end_ns - s.begin_ns > SLEEP_NS + ns)
        return Stalls(long, watched=self.watched)

    @property
    def longest_ms(self) -> float:
        return max((stall.end_ns - stall.begin_ns for stall in self.all), default=0) / NS_PER_MS


class StallWatchers:
    """Watcher processes, one on each processor, as long as the context lasts."""

    def __init__(self) -> None:
        self._children = ChildProcesses()
        self._pipes: list[Connection[None, list[Stall] | None]] = []

    def __enter__(self) -> Self:
        for cpu in processors():
            ours, theirs = multiprocessing.Pipe()
            self._pipes.append(ours)
            self._children.spawn(f"watcher {cpu}", __name__, cpu, theirs)
            theirs.close()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        self._children.__exit__(*exc_info)

    def stalls(self) -> Stalls:
        """Return the stalls since the last call."""
        for pipe in self._pipes:
            pipe.send(None)
        answers = [_answer(pipe) for pipe in self._pipes]
        seen = [stall for answer in answers if answer is not None for stall in answer]
        return Stalls(seen, watched=bool(answers) and None not in answers)


def _answer(pipe: "Connection[None, list[Stall] | None]") -> list[Stall] | None:
    with suppress(EOFError):
        if pipe.poll(ANSWER_TIMEOUT_S):
            return pipe.recv()
    raise PipelineError("A watcher of machine stalls does not answer.")


def main(
    pipe: "Connection[Report, Command]",
    cpu: int,
    questions: "Connection[list[Stall] | None, None]",
) -> None:
    """Entry point of a spawned watcher, which ends when `questions` is closed."""
    run_child(pipe, False, partial(_watch, cpu, questions))


def _watch(cpu: int, questions: "Connection[list[Stall] | None, None]", _: SupervisorLink) -> None:
    may_watch = sys.platform == "linux" and promote_this_thread(WATCHER_PRIORITY) is not None
    if may_watch:
        os.sched_setaffinity(0, {cpu})
    with no_garbage_collection(), suppress(EOFError):
        while True:
            seen = _stalls_until_asked(questions) if may_watch else None
            questions.recv()
            questions.send(seen)


def _stalls_until_asked(questions: "Connection[list[Stall] | None, None]") -> list[Stall]:
    stalls = []
    sleeps = 0
    before_ns = time.monotonic_ns()
    while sleeps % POLL_SLEEPS or not questions.poll():
        time.sleep(SLEEP_NS / NS_PER_S)
        now_ns = time.monotonic_ns()
        if now_ns - before_ns > SLEEP_NS + SHORTEST_NS:
            stalls.append(Stall(before_ns, now_ns))
        before_ns = now_ns
        sleeps += 1
    return stalls


def _merged(stalls: Iterable[Stall]) -> list[Stall]:
    """Return the stalls in order, overlaps joined."""
    merged: list[Stall] = []
    for stall in sorted(stalls):
        if merged and stall.begin_ns <= merged[-1].end_ns:
            merged[-1] = Stall(merged[-1].begin_ns, max(merged[-1].end_ns, stall.end_ns))
        else:
            merged.append(stall)
    return merged
