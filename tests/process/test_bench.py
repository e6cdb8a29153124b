"""`bench` over its real processes: what it finds, but not how fast it is."""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench.keep_awake import keep_cpus_awake, processors
from pipeline.bench.options import BenchOptions
from pipeline.bench.runner import run as bench

CUTS = 2
ON_TERMINALS = () if sys.platform == "win32" else ("screen",)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    path = tmp_path_factory.mktemp("bench") / "results.json"
    scenarios = ("late-deltas", "tools", *ON_TERMINALS, "library")
    options = BenchOptions(scenarios=scenarios, cuts=CUTS, compare=True, json=path)
    assert bench(options) == 0
    written = json.loads(Path(path).read_text(encoding="utf-8"))
    assert len(written["handoff_us"]["values"]) == CUTS * 10
    found: list[dict[str, Any]] = written["results"]
    return found


def test_each_client_goes_through_each_scenario(results: list[dict[str, Any]]) -> None:
    assert [(result["scenario"], result["design"]) for result in results] == [
        ("late-deltas", "this program"),
        ("late-deltas", "single process"),
        ("tools", "this program"),
        ("tools", "single process"),
        *((name, "this program") for name in ON_TERMINALS),
        ("library", "this program"),
    ]
    for result in results:
        lost = result["circumstances"]["lost_turns"]
        assert len(result["turns"]) + result["unheard_turns"] + lost == CUTS
        assert len(result["microphone"]) > CUTS
        assert all(cost["memory_mb"] > 0 for cost in result["cost"])


def test_this_program_has_no_fault(results: list[dict[str, Any]]) -> None:
    for result in results:
        if result["design"] == "this program":
            faults = result["faults"]
            wrong = ("leaked_samples", "breaks", "memory_error_ms", "wrong_microphone_samples")
            assert {name: faults[name] for name in wrong} == dict.fromkeys(wrong, 0)


def test_the_single_process_shows_its_faults(results: list[dict[str, Any]]) -> None:
    late = results[1]
    assert late["faults"]["memory_error_ms"] > 0
    assert all(turn["stale_samples"] >= 2 * 4_800 for turn in late["turns"])
    assert results[3]["missed"]


@pytest.mark.skipif(sys.platform != "linux", reason="processors are kept awake on Linux only")
def test_the_process_that_keeps_a_processor_awake_has_the_lowest_priority() -> None:
    (cpu, *_) = processors()
    with keep_cpus_awake([cpu]):
        (child,) = (c for c in multiprocessing.active_children() if c.name == f"awake {cpu}")
        assert child.pid is not None
        while os.sched_getscheduler(child.pid) != os.SCHED_IDLE:
            assert child.is_alive()
            time.sleep(0.01)
        assert os.sched_getaffinity(child.pid) == {cpu}
    assert child not in multiprocessing.active_children()
