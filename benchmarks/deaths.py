"""Ends processes of a running conversation, and measures how long their work is not done.

| process  | is at work again when                                        |
|----------|--------------------------------------------------------------|
| network  | the first microphone sound of a new session has arrived      |
| capture  | another frame of the microphone is published                 |
| playback | another period is handed to the loudspeaker                  |

The time counts from the end of the process. One that is stopped (SIGSTOP) ends when the supervisor
has lost patience with it; that time is told apart.
"""

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker

import psutil
from rich.table import Table

from benchmarks.faults.service import CodedService
from pipeline.bench.distribution import Distribution
from pipeline.pcm import NS_PER_S
from pipeline.shm.state import SharedState
from tests.support.program import Program
from tests.support.voice_processes import voice_processes

NAMES = ("network", "playback", "capture")
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
REPLACED_S = 30.0
POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class Death:
    """A process that was ended, and how long its work was not done."""

    name: str
    signal: str
    noticed_s: float
    """From the signal to the end of the process."""
    away_s: float
    """From there until another one did its work."""


def harm(
    program: Program, service: CodedService, times_s: list[float], seed: int
) -> Iterator[Death]:
    """End one process after the other at `times_s` from now, each name as often as the others."""
    chosen = random.Random(seed)  # noqa: S311 - not used for secrets
    begun_s = time.monotonic()
    if not times_s:
        return
    with _watched(program) as state:
        at_work = _signs(service, state)
        for index, due_s in enumerate(times_s):
            time.sleep(max(0.0, begun_s + due_s - time.monotonic()))
            name = NAMES[index % len(NAMES)]
            death = _end(program, name, chosen.choice(SIGNALS), at_work[name])
            if death is None:
                return
            yield death


def deaths_table(deaths: list[Death]) -> Table:
    table = Table("ended", "by", "times", "noticed s (p50, max)", "away s (p50, max)")
    for name in NAMES:
        for number in SIGNALS:
            found = [d for d in deaths if (d.name, d.signal) == (name, number.name)]
            noticed = Distribution.of(death.noticed_s for death in found)
            away = Distribution.of(death.away_s for death in found)
            if noticed and away:
                columns = [f"{each.p50:.2f} {each.max:.2f}" for each in (noticed, away)]
                table.add_row(name, number.name, str(len(found)), *columns)
    return table


def _end(
    program: Program, name: str, number: signal.Signals, at_work_ns: Callable[[int], int]
) -> Death | None:
    """End the process of that name; None if the program did not survive that."""
    program.wait_until(lambda: name in voice_processes(program) or not program.running)
    process = voice_processes(program).get(name)
    if process is None:
        return None
    process.send_signal(number)
    struck_ns = time.monotonic_ns()
    deadline_s = time.monotonic() + REPLACED_S
    while not _is_gone(process):
        if time.monotonic() > deadline_s:
            return None
        time.sleep(POLL_S)
    gone_ns = time.monotonic_ns()
    while not (back_ns := at_work_ns(gone_ns)):
        if time.monotonic() > deadline_s or not program.running:
            return None
        time.sleep(POLL_S)
    return Death(
        name, number.name, (gone_ns - struck_ns) / NS_PER_S, (back_ns - gone_ns) / NS_PER_S
    )


def _signs(service: CodedService, state: SharedState) -> dict[str, Callable[[int], int]]:
    """Return for each process what tells when it was at work after a given time; 0: not yet."""

    def session_hears(since_ns: int) -> int:
        arrivals = service.sessions[-1].arrivals
        return arrivals[0][0] if arrivals and arrivals[0][0] > since_ns else 0

    def calls_after(word: Callable[[], int]) -> Callable[[int], int]:
        return lambda since_ns: now_ns if (now_ns := word()) > since_ns else 0

    return {
        "network": session_hears,
        "playback": calls_after(state.playback.callback_ns.load),
        "capture": calls_after(state.capture.callback_ns.load),
    }


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def _watched(program: Program) -> Iterator[SharedState]:
    """Yield the program's shared state, to read only."""
    smallest = min(program.segments(), key=lambda path: path.stat().st_size)
    with SharedState.attach(smallest.name) as state:
        if sys.version_info < (3, 13):  # attaching counts as owning: this process would unlink it
            resource_tracker.unregister(f"/{smallest.name}", "shared_memory")
        yield state
