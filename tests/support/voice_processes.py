"""Finds the processes of a conversation from outside, also those that took another's place."""

import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.audio.program_card import RING_FRAMES as PROGRAM_RING_FRAMES
from pipeline.shm.frames import SLOT
from pipeline.supervisor.shared_memory import (
    PLAYBACK_RING_FRAMES,
    RAW_RING_BLOCKS,
    RECORDER_RING_FRAMES,
    REFERENCE_RING_PERIODS,
)
from tests.support.measured import show_measured
from tests.support.program import SHARED_MEMORY, Program

NAMES = {
    frozenset({"capture"}): "capture",
    frozenset({"capture", "raw"}): "capture",
    frozenset({"playback"}): "playback",
    frozenset({"playback", "reference"}): "playback",
    frozenset({"capture", "playback"}): "network",
    frozenset({"capture", "raw", "reference"}): "ears",
    frozenset({"capture", "recorder"}): "capture",
    frozenset({"playback", "recorder"}): "playback",
    frozenset({"recorder"}): "recorder",
    frozenset({"capture", "program"}): "capture",
    frozenset({"playback", "program"}): "playback",
}
"""Processes by the rings that they have mapped; beside files there are no ears, and no raw ring and
no reference, unless a test wants them, a recorder only with ``--record``, and the rings of a
program only where it is the card."""

_RINGS = {
    "playback": PLAYBACK_RING_FRAMES,
    "raw": RAW_RING_BLOCKS,
    "reference": REFERENCE_RING_PERIODS,
    "recorder": RECORDER_RING_FRAMES,
    "program": PROGRAM_RING_FRAMES,
}
_PAGES_BYTES = 65_536
"""More than a segment is longer than its frames, or than the shared state."""


def voice_processes(program: Program) -> dict[str, psutil.Process]:
    """Return those that have attached to all of their shared memory."""
    return voice_processes_of(program.pid)


def voice_processes_of(pid: int) -> dict[str, psutil.Process]:
    """The same of the program with that id."""
    found = {}
    for child in _children(pid):
        if name := NAMES.get(frozenset(_rings(child))):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                found[name] = psutil.Process(child)
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


def _children(parent: int) -> list[int]:
    """Return what the supervisor has spawned, in whichever thread: cheaper than all processes."""
    found: list[int] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with suppress(OSError):  # the thread has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def _rings(pid: int) -> set[str]:
    """Tell the rings that a process has mapped by their length."""
    try:
        words = Path(f"/proc/{pid}/maps").read_text().split()
        sizes = {Path(w).stat().st_size for w in words if w.startswith(f"{SHARED_MEMORY}/")}
    except OSError:
        return set()
    return {_ring(size // SLOT.itemsize) for size in sizes if size > _PAGES_BYTES}


def _ring(frames: int) -> str:
    """Return the name of a ring; those whose length no other one has are told by it."""
    near = _PAGES_BYTES // SLOT.itemsize
    return next((n for n, least in _RINGS.items() if least <= frames < least + near), "capture")


SPARES = {"network": ("/uvloop/", "/soxr/"), "audio": ("/soxr/", "/uvloop/")}
"""Processes in reserve by a library that they have loaded, and one that they have not."""


def ready_spare(program: Program, kind: str) -> psutil.Process:
    """Wait until the process in reserve of that kind has imported everything; return it."""
    program.wait_until(lambda: _ready_spares(program, kind))
    (pid,) = _ready_spares(program, kind)
    return psutil.Process(pid)


def _ready_spares(program: Program, kind: str) -> list[int]:
    return [pid for pid in _children(program.pid) if is_ready_spare(pid, kind)]


def is_ready_spare(pid: int, kind: str) -> bool:
    """Whether it has the libraries of its kind, no ring, and no thread that loads."""
    loaded, not_loaded = SPARES[kind]
    process = Path(f"/proc/{pid}")
    try:
        maps, threads = (process / "maps").read_text(), list((process / "task").iterdir())
    except OSError:
        return False
    idle = len(threads) == 1 and f"{SHARED_MEMORY}/" not in maps
    return idle and loaded in maps and not_loaded not in maps
