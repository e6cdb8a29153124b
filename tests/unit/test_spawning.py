"""Our processes are not told of the main module; those of other parts of a program are."""

import sys
import threading
from multiprocessing import context, spawn
from types import ModuleType

import pytest

from pipeline.ipc.spawning import BareProcess


def told() -> set[str]:
    return {key for key in spawn.get_preparation_data("x") if key.startswith("init_main")}


def test_only_ours_are_spawned_without_the_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    program = ModuleType("__main__")
    program.__spec__, program.__file__ = None, __file__
    monkeypatch.setitem(sys.modules, "__main__", program)
    main_module = told()
    assert main_module, "a program has a main module"
    ours: list[set[str]] = []
    others: list[set[str]] = []

    def start(_: context.SpawnProcess) -> None:
        ours.append(told())
        other = threading.Thread(target=lambda: others.append(told()))
        other.start()
        other.join()
        raise OSError("no more processes")

    monkeypatch.setattr(context.SpawnProcess, "start", start)
    with pytest.raises(OSError, match="no more processes"):
        BareProcess().start()
    others.append(told())
    assert ours == [set()]
    assert others == [main_module, main_module]
