"""Finds the processes of a conversation from outside, also those that took another's place."""

import signal
from pathlib import Path

import psutil

from tests.support.program import SHARED_MEMORY, Program

RINGS = {frozenset({"capture", "playback"}): "network"}
"""The network process has both rings, the others the one of their name."""

_PLAYBACK_RING_BYTES = 2_000_000
_STATE_BYTES = 100_000


def voice_processes(program: Program) -> dict[str, psutil.Process]:
    """Return those that have attached to the shared memory: network, playback and capture."""
    found = {}
    for child in program.children():
        rings = frozenset(_rings(child))
        if rings:
            found[RINGS.get(rings) or next(iter(rings))] = child
    return found


def signal_process(program: Program, name: str, number: signal.Signals) -> None:
    """Send a signal to the network, playback or capture process, once there is one."""
    program.wait_until(lambda: name in voice_processes(program))
    voice_processes(program)[name].send_signal(number)


def _rings(process: psutil.Process) -> set[str]:
    """Tell the rings that a process has mapped by their length."""
    try:
        words = Path(f"/proc/{process.pid}/maps").read_text().split()
        sizes = {Path(w).stat().st_size for w in words if w.startswith(f"{SHARED_MEMORY}/")}
    except OSError:
        return set()
    rings = {size for size in sizes if size > _STATE_BYTES}
    return {"playback" if size > _PLAYBACK_RING_BYTES else "capture" for size in rings}
