"""`bench` on a real card: what it finds, never how fast it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench.options import BenchOptions
from pipeline.bench.runner import run as bench
from tests.support.jack_card import JackCard

CUTS = 4


def test_the_answers_are_exact_on_a_real_card(
    card: JackCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in card.environment.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "figures.json"
    options = BenchOptions(scenarios=("late-deltas",), cuts=CUTS, device="system", json=path)
    assert bench(options) == 0
    (result,) = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert len(result["turns"]) == CUTS
    assert faults(result) == {"leaked_samples": 0, "breaks": 0, "memory_error_ms": 0}


def faults(result: dict[str, Any]) -> dict[str, Any]:
    names = ("leaked_samples", "breaks", "memory_error_ms")
    return {name: result["faults"][name] for name in names}
