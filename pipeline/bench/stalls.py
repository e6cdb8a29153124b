"""When a processor itself stood still, so that no program on it could have been in time.

A watcher on each processor, above every thread of a client, does nothing but sleep for a
millisecond again and again. When it wakes too late, its processor was taken away from all programs:
by the host of a virtual machine, by firmware, or inside the kernel. What the machine delays is
counted apart from what a client delays. A client's threads may have been on any processor, and on
one after the other: the stalls of all count.
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
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import MissedPeriod, Report
from pipeline.pcm import NS_PER_MS, NS_PER_S
from pipeline.system.realtime import no_garbage_collection
from pipeline.system.scheduling import promote_this_thread

WATCHER_PRIORITY = 90
"""Above any thread of a client."""

NAP_NS = NS_PER_MS
SHORTEST_NS = NS_PER_MS // 2
"""Several such in a row delay whoever needs the processor for longer than the watcher does."""

LONG_NS = 3 * NS_PER_MS // 2
"""What delays a turn, and is counted one by one."""

SPOILING_PART = 0.1

POLL_NAPS = 50
PATIENCE_S = 5.0


class Stall(NamedTuple):
    """From a watcher's last sign of life to its next, ``time.monotonic_ns``.

    Nobody knows where in the nap between them the processor stopped.
    """

    begin_ns: int
    end_ns: int


class MissedPeriods(NamedTuple):
    """Card periods that came too late."""

    own: list[MissedPeriod]
    """Those of the client."""
    excused: list[MissedPeriod]
    """Those of the machine."""


class Stalls:
    """What the watchers of all processors saw.

    :ivar watched: whether there was any watcher.
    :ivar all: in order, without overlaps.
    """

    def __init__(self, seen: Iterable[Stall] = (), *, watched: bool = True) -> None:
        self.watched = watched
        self.all = _merged(seen)
        self._begins = np.array([stall.begin_ns for stall in self.all], np.int64)
        self._ends = np.array([stall.end_ns for stall in self.all], np.int64)

    def within_ns(self, begin_ns: float, end_ns: float) -> float:
        """How much of that time a processor stood still."""
        overlaps = np.minimum(self._ends, end_ns) - np.maximum(self._begins, begin_ns)
        return float(np.maximum(overlaps, 0).sum())

    def spoil(self, begin_ns: float, end_ns: float) -> bool:
        """Whether a processor stood still for a good part of that time."""
        return self.within_ns(begin_ns, end_ns) > SPOILING_PART * max(0, end_ns - begin_ns)

    def judge(self, missed: Iterable[MissedPeriod], period_ns: int) -> "MissedPeriods":
        """Tell apart those of one card that would have been in time, had no processor stood still.

        Those that were missed in a row are one backlog: what delayed the first delays all. Of a
        period that a real card says it missed nobody knows how late it was: it is never excused.
        """
        judged = MissedPeriods([], [])
        backlog_ns, next_ns = 0, -period_ns
        for period in sorted(missed):
            if period.due_ns > next_ns:
                backlog_ns = period.due_ns
            next_ns = period.due_ns + 3 * period_ns // 2
            late_ns = period.done_ns - period.due_ns - period_ns
            excused = 0 < late_ns <= self.within_ns(backlog_ns, period.done_ns)
            (judged.excused if excused else judged.own).append(period)
        return judged

    def since(self, begin_ns: int) -> "Stalls":
        """Those that ended after `begin_ns`."""
        return Stalls((s for s in self.all if s.end_ns > begin_ns), watched=self.watched)

    def joined(self, more: Iterable[Stall]) -> "Stalls":
        """With other times that are to count as much."""
        return Stalls((*self.all, *more), watched=self.watched)

    def longer_than(self, ns: int) -> "Stalls":
        """Those that lasted longer, a nap apart."""
        long = (s for s in self.all if s.end_ns - s.begin_ns > NAP_NS + ns)
        return Stalls(long, watched=self.watched)

    @property
    def longest_ms(self) -> float:
        return max((stall.end_ns - stall.begin_ns for stall in self.all), default=0) / NS_PER_MS


class StallWatchers:
    """Processes that watch as long as the context lasts."""

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
        """What was seen since this was last called."""
        for pipe in self._pipes:
            pipe.send(None)
        answers = [_answer(pipe) for pipe in self._pipes]
        seen = [stall for answer in answers if answer is not None for stall in answer]
        return Stalls(seen, watched=bool(answers) and None not in answers)


def _answer(pipe: "Connection[None, list[Stall] | None]") -> list[Stall] | None:
    with suppress(EOFError):
        if pipe.poll(PATIENCE_S):
            return pipe.recv()
    raise PipelineError("A watcher of the machine's standstills does not answer.")


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
    naps = 0
    before_ns = time.monotonic_ns()
    while naps % POLL_NAPS or not questions.poll():
        time.sleep(NAP_NS / NS_PER_S)
        now_ns = time.monotonic_ns()
        if now_ns - before_ns > NAP_NS + SHORTEST_NS:
            stalls.append(Stall(before_ns, now_ns))
        before_ns = now_ns
        naps += 1
    return stalls


def _merged(stalls: Iterable[Stall]) -> list[Stall]:
    """Without overlaps, in order."""
    merged: list[Stall] = []
    for stall in sorted(stalls):
        if merged and stall.begin_ns <= merged[-1].end_ns:
            merged[-1] = Stall(merged[-1].begin_ns, max(merged[-1].end_ns, stall.end_ns))
        else:
            merged.append(stall)
    return merged
