"""The options of `bench` on the command line, and what reaches the measurement."""

from pathlib import Path

import pytest

from pipeline.bench import runner
from pipeline.bench.options import BenchOptions
from pipeline.bench.scenarios import SCENARIOS, TOOLS, Scenario
from pipeline.cli import execute


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BenchOptions]:
    options: list[BenchOptions] = []

    def run(given: BenchOptions) -> int:
        options.append(given)
        return 0

    monkeypatch.setattr(runner, "run", run)
    return options


def test_without_options(asked: list[BenchOptions]) -> None:
    assert execute(["bench"]) == 0
    assert asked == [BenchOptions(cuts=100)]


def test_all_options(asked: list[BenchOptions]) -> None:
    line = (
        "bench --quick --scenario quiet --scenario tools --compare --period-ms 10 --seed 7 "
        "--frame-ms 20 --device 3 --let-sleep "
        "--json a.json --html b.html --png c.png --max-cut-ms 8 --max-dropouts 0"
    )
    assert execute(line.split()) == 0
    assert asked == [
        BenchOptions(
            scenarios=("quiet", "tools"),
            cuts=20,
            conversations=2,
            compare=True,
            let_sleep=True,
            device="3",
            period_ms=10.0,
            frame_ms=20,
            seed=7,
            json=Path("a.json"),
            html=Path("b.html"),
            png=Path("c.png"),
            max_cut_ms=8.0,
            max_dropouts=0,
        )
    ]


def test_a_real_service(asked: list[BenchOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_VOICELIVE_MODEL", "some-model")
    assert execute(["bench", "--quick", "--endpoint", "https://there.example"]) == 0
    (options,) = asked
    assert options.conversations == 2
    assert options.service is not None
    assert options.service.endpoint == "https://there.example"
    assert options.service.model == "some-model"


def test_the_help_fits_two_screens(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["bench", "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 48


@pytest.mark.parametrize(
    "line", ["--scenario loud", "--period-ms 0", "--max-cut-ms -1", "--seed x", "--json ."]
)
def test_what_cannot_be_used(line: str, asked: list[BenchOptions]) -> None:
    assert execute(["bench", *line.split()]) == 2
    assert not asked


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_cycle_leaves_room_for_its_turn(scenario: Scenario) -> None:
    for frame_ms in (10, 20, 50):
        assert scenario.cycle_ms(30, frame_ms) >= scenario.interrupt_after_ms[1] + 30
        assert scenario.cycle_ms(30, frame_ms) % frame_ms == 0


def test_tools_are_given_time_to_let_go() -> None:
    assert TOOLS.cycle_ms(0, 50) > 300
