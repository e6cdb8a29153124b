"""Finds the processes of a conversation from outside, also those that took another's place."""

import signal
import time
from pathlib import Path

import psutil

from tests.support.measured import show_measured
from tests.support.program import SHARED_MEMORY, Program

NAMES = {
    frozenset({"capture"}): "capture",
    frozenset({"capture", "raw"}): "capture",
    frozenset({"playback"}): "playback",
    frozenset({"playback", "reference"}): "playback",
    frozenset({"capture", "playback"}): "network",
    frozenset({"capture", "raw", "reference"}): "ears",
}
"""Processes by the rings that they have mapped; beside files there are no ears, and no raw ring and
no reference, unless a test wants them."""

_LEAST_BYTES = {
    "playback": 2_000_000,
    "capture": 1_400_000,
    "raw": 1_000_000,
    "reference": 100_000,
}
"""Rings by their length, longest first."""


def voice_processes(program: Program) -> dict[str, psutil.Process]:
    """Return those that have attached to all of their shared memory."""
    found = {}
    for child in program.children():
        name = NAMES.get(frozenset(_rings(child)))
        if name:
            found[name] = child
    return found


def signal_process(program: Program, name: str, number: signal.Signals) -> psutil.Process:
    """Send a signal to the process of that name, once there is one; return it."""
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


def _rings(process: psutil.Process) -> set[str]:
    """Tell the rings that a process has mapped by their length."""
    try:
        words = Path(f"/proc/{process.pid}/maps").read_text().split()
        sizes = {Path(w).stat().st_size for w in words if w.startswith(f"{SHARED_MEMORY}/")}
    except OSError:
        return set()
    named = [next((n for n, least in _LEAST_BYTES.items() if size > least), "") for size in sizes]
    return set(named) - {""}
