"""The cost of processes, also where the system does not show one of them."""

import os
import subprocess
import sys

import psutil
import pytest

from pipeline.bench.cost import Meter


def refuse(process: psutil.Process) -> None:
    raise psutil.AccessDenied(process.pid)


def test_a_descendant_that_has_just_ended_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as program:
        ended = psutil.Process(program.pid)
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [ended])
    with pytest.raises(psutil.NoSuchProcess):
        ended.cpu_times()
    assert Meter({}).disturbance().others_cpus >= 0


def test_memory_is_the_resident_set_where_the_system_shows_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    (cost,) = Meter({"this": os.getpid()}).read()
    assert cost.memory_mb > 1
