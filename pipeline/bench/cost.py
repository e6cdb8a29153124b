"""Processor time and memory of processes."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

_BUSY_KINDS = ("user", "nice", "system", "irq", "softirq")


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one process while it was measured."""

    process: str
    cpu_s_per_minute: float
    memory_mb: float
    """Proportional set size (shared pages divided among their users) where the system has it, else
    the resident set."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Average number of processors that neither the client nor `bench` could use."""

    others_cpus: float
    """Used by other programs."""
    stolen_cpus: float
    """Given to other virtual machines by the host."""


class Meter:
    """Measures processes and what other programs use, from its creation on.

    :param processes: names and process ids.
    """

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._start_s = time.monotonic()
        self._system_s = _system_cpu_s()
        self._own_s = _own_cpu_s()
        self._stolen_s = _stolen_s()
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._cpu_s = {name: _cpu_s(process) for name, process in self._processes.items()}

    def read(self) -> tuple[Cost, ...]:
        """Return the cost of each process so far."""
        minutes = (time.monotonic() - self._start_s) / 60
        return tuple(
            Cost(name, (_cpu_s(process) - self._cpu_s[name]) / minutes, _memory_mb(process))
            for name, process in self._processes.items()
        )

    def disturbance(self) -> Disturbance:
        """Return what has kept processors from the client so far."""
        elapsed_s = time.monotonic() - self._start_s
        others_s = (_system_cpu_s() - self._system_s) - (_own_cpu_s() - self._own_s)
        stolen_s = _stolen_s() - self._stolen_s
        return Disturbance(max(0.0, others_s / elapsed_s), stolen_s / elapsed_s)


def _system_cpu_s() -> float:
    """Return the processor time of all programs and the system."""
    times = psutil.cpu_times()._asdict()
    return float(sum(times.get(kind, 0.0) for kind in _BUSY_KINDS))


def _stolen_s() -> float:
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def _own_cpu_s() -> float:
    """Return the processor time of this process and of its living descendants."""
    this = psutil.Process()
    cpu_s = 0.0
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.Error):  # it has just ended, or may not be looked at
            cpu_s += _cpu_s(process)
    return cpu_s


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _memory_mb(process: psutil.Process) -> float:
    try:
        memory: Any = process.memory_full_info()
    except psutil.AccessDenied:
        memory = process.memory_info()
    return float(getattr(memory, "pss", memory.rss)) / 1e6
