"""Processes that are spawned without the program's main module.

multiprocessing lets a spawned process import the main module of its parent again, which runs a
script that has no ``if __name__ == "__main__"`` a second time. The children of this package need
nothing of it: what they run and are given lies in modules.
"""

import threading
from multiprocessing import context, process, spawn, util
from typing import Any

_MAIN_MODULE = ("init_main_from_name", "init_main_from_path")


class _Bare(threading.local):
    """Whether this thread spawns a process of this package at the moment."""

    now = False


_bare = _Bare()
_preparation_data = spawn.get_preparation_data


def _prepared(name: str) -> dict[str, Any]:
    """Return what `multiprocessing` tells a new process, without the main module for ours.

    Takes the place of a function of `multiprocessing`, which offers no choice. Processes that other
    parts of the program spawn, also at the same time in other threads, are told everything.
    """
    data: dict[str, Any] = _preparation_data(name)
    if _bare.now:
        for key in _MAIN_MODULE:
            data.pop(key, None)
    return data


spawn.get_preparation_data = _prepared


class BareProcess(context.SpawnProcess):
    """A spawned process that does not import the program's main module.

    It ends by itself when this process has gone.
    """

    def start(self) -> None:
        _bare.now = True
        try:
            super().start()
        finally:
            _bare.now = False


def _leave_children_behind() -> None:
    """Keep multiprocessing from waiting for them without a limit at the interpreter's exit.

    It would send them SIGTERM before, which they leave to the supervisor.
    """
    children: set[process.BaseProcess] = process._children  # type: ignore[attr-defined]  # noqa: SLF001
    children.difference_update([child for child in children if isinstance(child, BareProcess)])


util.Finalize(None, _leave_children_behind, exitpriority=0)
