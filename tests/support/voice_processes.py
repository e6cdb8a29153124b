"""Finds the processes of a conversation from outside, also those that took another's place."""

import signal
import time
from pathlib import Path

import psutil

from pipeline.shm.ring import SLOT
from pipeline.supervisor.voice_processes import PLAYBACK_RING_FRAMES
from tests.support.measured import show_measured
from tests.support.program import SHARED_MEMORY, Program

RINGS = {frozenset({"capture", "playback"}): "network"}
"""The network process has both rings, the others the one of their name."""

_PLAYBACK_RING_BYTES = PLAYBACK_RING_FRAMES * SLOT.itemsize
_PAGES_BYTES = 65_536
"""More than a segment is longer than its frames, or than the shared state."""


def voice_processes(program: Program) -> dict[str, psutil.Process]:
    """Return those that have attached to the shared memory: network, playback and capture."""
    found = {}
    for pid in _children(program):
        if rings := frozenset(_rings(pid)):
            found[RINGS.get(rings) or next(iter(rings))] = psutil.Process(pid)
    return found


def signal_process(program: Program, name: str, number: signal.Signals) -> psutil.Process:
    """Send a signal to the network, playback or capture process, once there is one; return it."""
    program.wait_until(lambda: name in voice_processes(program))
    process = voice_processes(program)[name]
    process.send_signal(number)
    return process


def strike(program: Program, number: signal.Signals, *names: str) -> None:
    """Kill or stop processes, wait until others have taken their places, and show how long it took.

    A new one counts once it has attached to the shared memory.
    """
    struck = {name: signal_process(program, name, number) for name in names}
    struck_s = time.monotonic()
    program.wait_until(lambda: all(_has_other(program, *each) for each in struck.items()))
    show_measured(f"{number.name} {names}: replaced after {time.monotonic() - struck_s:.3f} s")


def _has_other(program: Program, name: str, than: psutil.Process) -> bool:
    return voice_processes(program).get(name, than) != than


def _children(program: Program) -> list[int]:
    """Return what the supervisor's main thread has spawned: cheaper than all processes."""
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def _rings(pid: int) -> set[str]:
    """Tell the rings that a process has mapped by their length."""
    try:
        words = Path(f"/proc/{pid}/maps").read_text().split()
        sizes = {Path(w).stat().st_size for w in words if w.startswith(f"{SHARED_MEMORY}/")}
    except OSError:
        return set()
    rings = {size for size in sizes if size > _PAGES_BYTES}
    return {
        "playback" if 0 <= size - _PLAYBACK_RING_BYTES < _PAGES_BYTES else "capture"
        for size in rings
    }
