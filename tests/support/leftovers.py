"""Processes and shared memory that something leaves behind."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.support.program import SHARED_MEMORY, is_resource_tracker

GRACE_S = 5.0

T = TypeVar("T")


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check at the end that there is no process and no segment that was not there before.

    Fixtures of a wider scope may keep theirs.
    """
    processes, segments = _children(), _segments()
    yield
    children = _what_stays(lambda: _children() - processes)
    assert not children, f"child processes left behind: {children}"
    left = _what_stays(lambda: {name for name in _segments() - segments if not _is_foreign(name)})
    assert not left, f"shared memory left behind: {left}"


def _what_stays(look: Callable[[], set[T]]) -> set[T]:
    """Return what is still found after a grace period, in which things may go away."""
    deadline = time.monotonic() + GRACE_S
    found = look()
    while found and time.monotonic() < deadline:
        time.sleep(0.02)
        found &= look()
    return found


def _children() -> set[psutil.Process]:
    multiprocessing.active_children()  # reaps those that have ended
    if not _has_children():
        return set()
    return {
        child
        for child in psutil.Process().children(recursive=True)
        if not is_resource_tracker(child)
    }


def _has_children() -> bool:
    """Check quickly where the system allows it: most tests have no child processes."""
    tracker: Any = resource_tracker._resource_tracker
    try:
        tasks = Path("/proc/self/task").iterdir()
        pids = {pid for task in tasks for pid in (task / "children").read_text().split()}
    except OSError:
        return True
    return bool(pids - {str(tracker._pid)})


def _segments() -> set[str]:
    """Return the names of shared memory, except JACK's, which its server removes."""
    if not SHARED_MEMORY.is_dir():
        return set()
    return {path.name for path in SHARED_MEMORY.iterdir() if not path.name.startswith("jack")}


def _is_foreign(name: str) -> bool:
    """Whether the segment belongs to a process outside this test run that has mapped it."""
    ours = {os.getpid(), *(child.pid for child in _children())}
    path = str(SHARED_MEMORY / name)
    for pid in set(psutil.pids()) - ours:
        try:
            if path in Path(f"/proc/{pid}/maps").read_text():
                return True
        except OSError:
            continue
    return False
