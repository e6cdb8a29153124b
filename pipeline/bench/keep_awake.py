"""Keep processors awake while something is measured.

An idle processor sleeps and wakes late: it saves power, and on a virtual machine the host lends it
to other machines. A process with the lowest priority computes on each, so that it never sleeps and
everything else still comes first.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection

from pipeline.bench.load import compute
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report

_KEPT_AWAKE = (
    "Idle processors were kept awake, because a sleeping processor wakes late. "
    "--let-sleep lets them sleep."
)


def processors() -> list[int]:
    """Return the numbers of the usable processors; none where a process cannot be bound to one."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def kept_awake(*, let_sleep: bool) -> list[str]:
    """Return a sentence for reports; none if the processors might sleep."""
    return [] if let_sleep or not processors() else [_KEPT_AWAKE]


@contextmanager
def keep_cpus_awake(cpus: list[int]) -> Iterator[None]:
    """Keep each of `cpus` awake as long as the context lasts."""
    with ChildProcesses() as children:
        spawned = [children.spawn(f"awake {cpu}", __name__, cpu) for cpu in cpus]
        try:
            yield
        finally:
            for child in spawned:
                _let_end(child.process.pid)


def _let_end(pid: int | None) -> None:
    """Give a process an ordinary priority: with the lowest it cannot even end on a busy machine."""
    if sys.platform == "linux" and pid is not None:
        with suppress(OSError):  # it has ended, or the system allows no priority to be raised
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def main(pipe: "Connection[Report, Command]", cpu: int) -> None:
    """Entry point of a spawned process."""
    run_child(pipe, False, partial(_stay_awake, cpu))


def _stay_awake(cpu: int, link: SupervisorLink) -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    compute(link)
