"""From measured values to percentiles, tables, files and the exit code."""

import importlib.util
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pipeline.bench import live, runner
from pipeline.bench.analysis import FrameMetrics, TurnMetrics
from pipeline.bench.cost import Cost, Disturbance
from pipeline.bench.distribution import Distribution, least_percentile
from pipeline.bench.export import write_html, write_json, write_png
from pipeline.bench.handoff import Handoffs
from pipeline.bench.options import BenchOptions
from pipeline.bench.report import Measured, show
from pipeline.bench.result import Result
from pipeline.bench.runner import run
from pipeline.bench.scenarios import SCENARIOS
from pipeline.bench.stalls import Stall, Stalls
from pipeline.bench.tables import report_console
from pipeline.bench.verdict import judge, judge_live, limits_exceeded
from pipeline.config.settings import Settings
from pipeline.errors import MissingPackageError, UsageError
from pipeline.ipc.events import MissedPeriod

TURN = TurnMetrics(
    cut_ms=4.0,
    speak_ms=3.0,
    round_trip_ms=30.0,
    stale_samples=96,
    leaked_samples=0,
    dropouts=0,
    dropout_ms=0.0,
    starved=0,
    breaks=0,
    memory_error_ms=0,
    silent=False,
    stalled=False,
)
RESULT = Result(
    design="this program",
    scenario="quiet",
    card_buffer_ms=5.0,
    turns=(TURN,) * 99 + (replace(TURN, cut_ms=20.0),),
    unheard_turns=0,
    lost_turns=0,
    microphone=(FrameMetrics(1.0, stalled=False), FrameMetrics(2.0, stalled=False)),
    wrong_microphone_samples=0,
    missed=(),
    missed_in_stalls=0,
    stalls=Stalls(),
    playout_waited_ms=(0.0,) * 100,
    cost=(Cost("network", 1.5, 40.0),),
    disturbance=Disturbance(0.0, 0.0),
)
SLOWER = replace(
    RESULT,
    design="single process",
    card_buffer_ms=50.0,
    turns=(replace(TURN, cut_ms=100.0, leaked_samples=7, memory_error_ms=2_500),) * 100,
    cost=(Cost("single process", 2.5, 41.0),),
)
HANDOFFS = Handoffs(ring_us=(50.0,), bare_us=(30.0,))
MEASURED = Measured({"processor": "P", "memory": "M", "system": "S", "python": "3"}, HANDOFFS, ())
ALONE = replace(MEASURED, pairs=((RESULT, None),))
COMPARED = replace(MEASURED, pairs=((RESULT, SLOWER),))


def shown(measured: Measured) -> str:
    out = io.StringIO()
    show(measured, Console(file=out, width=200, color_system=None))
    return out.getvalue()


def cells(report: str, label: str) -> list[str]:
    """Return the cells of the last row with this label: notes come before the tables."""
    rows = [line for line in report.splitlines() if line.strip().startswith(f"{label} ")]
    return rows[-1].strip().removeprefix(label).split()


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the test must not measure")

    monkeypatch.setattr(runner, "measure", fail)
    monkeypatch.setattr(live, "converse", fail)


def test_each_percentile_is_a_measured_value() -> None:
    assert Distribution.of(range(1, 101)) == Distribution(50, 95, 99, 100)
    assert Distribution.of([3.5]) == Distribution(3.5, 3.5, 3.5, 3.5)
    assert Distribution.of([]) is None


def test_a_median_of_few_values_is_uncertain() -> None:
    assert least_percentile(range(20), 50) == 5
    assert least_percentile([*range(100)][::-1], 50) == 41
    assert least_percentile([3.0] * 5, 50) == 3
    assert least_percentile([3.0] * 4, 50) == -math.inf
    assert least_percentile(range(200), 50) == 87
    random = np.random.default_rng(1)
    medians = [least_percentile(list(random.uniform(2.5, 7.5, 20)), 50) for _ in range(1_000)]
    assert 0.01 < np.mean(np.array(medians) > 5) < 0.04  # 2 %, as the sixth of 20 values has


def test_a_high_percentile_of_few_values_is_as_uncertain() -> None:
    assert least_percentile([3.0], 95) == -math.inf
    assert least_percentile([3.0, 4.0], 95) == 3
    assert least_percentile(range(6), 95) == 4
    assert least_percentile(range(100), 95) == 90


def test_the_report_shows_all_values_and_what_it_leaves_out() -> None:
    report = shown(ALONE)
    assert "quiet (100)" in report
    assert cells(report, "cut") == ["4.0", "4.0", "4.0", "20.0"]
    assert cells(report, "cost of network") == ["1.5", "40"]
    assert "Not measured: the real network" in report
    assert "this program 5 ms" in report
    assert "Disturbed" not in report


@pytest.mark.parametrize(
    ("disturbance", "words"),
    [
        (Disturbance(0.8, 0.0), "Disturbed: other programs kept up to 0.8 processors busy."),
        (Disturbance(0.0, 0.05), "Disturbed: the host gave up to 0.05"),
        (Disturbance(0.8, 0.05), "busy, and the host gave"),
    ],
)
def test_the_report_says_that_a_measurement_was_disturbed(
    disturbance: Disturbance, words: str
) -> None:
    disturbed = replace(RESULT, disturbance=disturbance)
    assert words in shown(replace(MEASURED, pairs=((disturbed, None),)))


def test_frames_that_wait_on_purpose_are_counted_and_left_out_of_times() -> None:
    uplink = replace(
        RESULT,
        microphone=(
            FrameMetrics(1.0, stalled=False),
            FrameMetrics(300.0, stalled=False, unread=True),
        ),
    )
    report = shown(replace(MEASURED, pairs=((uplink, None),)))
    assert cells(report, "microphone")[-1] == "1.0"
    assert cells(report, "unread frames") == ["1"]


def test_machine_stalls_are_counted_and_left_out_of_times() -> None:
    stalled = replace(
        RESULT,
        turns=(TURN, replace(TURN, cut_ms=20.0, dropouts=1, stalled=True)),
        microphone=(FrameMetrics(1.0, stalled=False), FrameMetrics(50.0, stalled=True)),
        missed_in_stalls=3,
        stalls=Stalls([Stall(0, 4_000_000)]),
    )
    report = shown(replace(MEASURED, pairs=((stalled, None),)))
    assert "quiet (1)" in report
    assert cells(report, "cut")[-1] == "4.0"
    assert cells(report, "microphone")[-1] == "1.0"
    assert cells(report, "stalled turns") == ["1"]
    assert cells(report, "slowest stalled cut, ms") == ["20"]
    assert cells(report, "late by stalls") == ["3"]
    assert cells(report, "longest stall, ms") == ["4"]
    assert cells(report, "dropouts") == ["1"], "a silence inside an answer stays a dropout"


def test_the_report_says_that_stalls_were_not_watched() -> None:
    unwatched = replace(RESULT, stalls=Stalls(watched=False))
    assert "Machine stalls were not watched" in shown(replace(MEASURED, pairs=((unwatched, None),)))
    assert "not watched" not in shown(ALONE)


def test_a_comparison_shows_ratios() -> None:
    report = shown(COMPARED)
    assert cells(report, "cut")[-4:] == ["100.0", "100.0", "25.0", "25.0"]
    assert cells(report, "memory error, ms") == ["0/2500"]
    assert cells(report, "stale after the cut") == ["0/700"]
    assert cells(report, "cost of single process") == ["2.5", "41"]


def test_a_client_without_values_has_its_rows() -> None:
    silent = replace(RESULT, turns=(), unheard_turns=100, microphone=())
    assert "quiet (0)" in shown(replace(MEASURED, pairs=((silent, SLOWER),)))


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        (BenchOptions(), 0),
        (BenchOptions(max_cut_ms=4.0, max_dropouts=0), 0),  # the p99 counts, not the maximum
        (BenchOptions(max_cut_ms=3.9), 1),
        (BenchOptions(max_cut_ms=3.9, max_dropouts=0), 1),
    ],
)
def test_limits(options: BenchOptions, sentences: int) -> None:
    assert len(list(limits_exceeded([RESULT], options))) == sentences


def test_late_card_periods_are_dropouts() -> None:
    missed = (MissedPeriod(0, 6), MissedPeriod(10, 16))
    late = replace(RESULT, missed=missed, turns=(replace(TURN, dropouts=1),))
    assert late.dropouts == 3
    (exceeded,) = limits_exceeded([late], BenchOptions(max_dropouts=2))
    assert exceeded == "3 dropouts (limit 2) in quiet"
    assert not list(limits_exceeded([late], BenchOptions(max_dropouts=3)))


def test_a_silent_client_exceeds_the_limit_of_a_cut() -> None:
    silent = replace(RESULT, turns=(), unheard_turns=100)
    (exceeded,) = limits_exceeded([silent], BenchOptions(max_cut_ms=1_000.0))
    assert exceeded == "no answer was cut (limit 1000) in quiet"


@pytest.mark.parametrize(
    ("results", "handoffs", "options", "line"),
    [
        ([RESULT], HANDOFFS, BenchOptions(), "Passed."),
        (
            [RESULT, replace(RESULT, scenario="busy", turns=(replace(TURN, cut_ms=9.0),) * 20)],
            HANDOFFS,
            BenchOptions(),
            "Fell short: cut p50 9.0 ms (budget 5) in busy; cut p99 9.0 ms (budget 8) in busy.",
        ),
        (
            [replace(RESULT, turns=tuple(replace(TURN, cut_ms=4.3 + n / 10) for n in range(20)))],
            HANDOFFS,
            BenchOptions(),
            "Passed.",  # the median is 5.2 ms, perhaps by chance
        ),
        (
            [replace(RESULT, turns=(replace(TURN, speak_ms=5.0, dropouts=2),) * 20)],
            HANDOFFS,
            BenchOptions(),
            "Fell short: speak p50 5.0 ms (budget 4) in quiet; dropouts 40 (budget 0) in quiet.",
        ),
        (
            [replace(RESULT, microphone=(FrameMetrics(2.5, stalled=False),) * 20)],
            Handoffs(ring_us=(60.0,) * 20, bare_us=(30.0,)),
            BenchOptions(),
            (
                "Fell short: microphone p50 2.5 ms (budget 2) in quiet; "
                "ring hand-off p50 0.060 ms (budget 0.05)."
            ),
        ),
        (
            [RESULT],
            HANDOFFS,
            BenchOptions(max_cut_ms=3.5),
            "Fell short: cut p99 4.0 ms (limit 3.5) in quiet.",
        ),
        (
            [replace(RESULT, turns=(replace(TURN, cut_ms=12.0),))],
            HANDOFFS,
            BenchOptions(period_ms=10),
            (
                "Passed. Times were not judged: the budgets are for periods of 5 ms or less, and "
                "this was measured with 10 ms."
            ),
        ),
    ],
)
def test_the_verdict_names_what_fell_short(
    results: list[Result], handoffs: Handoffs, options: BenchOptions, line: str
) -> None:
    assert str(judge(results, handoffs, options)) == line


@pytest.mark.parametrize(
    ("cuts_ms", "period_ms", "line"),
    [
        ((4.0,), 5.0, "Passed. Only cuts are judged."),
        ((9.0,) * 5, 5.0, "Fell short: cut p50 9.0 ms (budget 5); cut p99 9.0 ms (budget 8)."),
        ((9.0,) * 4, 5.0, "Fell short: cut p99 9.0 ms (budget 8)."),
        ((), 5.0, "Fell short: no answer was cut."),
        ((9.0,), 10.0, "Passed. Cuts were not judged: the period was 10 ms."),
    ],
)
def test_the_verdict_on_a_real_service(
    cuts_ms: tuple[float, ...], period_ms: float, line: str
) -> None:
    conversation = live.Conversation(cuts_ms, (), (), ())
    assert str(judge_live([conversation], period_ms)).startswith(line)


def at_width(console: Console) -> str:
    result = replace(RESULT, cost=(Cost("supervisor", 24.5, 140.0),))
    pairs = tuple((replace(result, scenario=each.name), None) for each in SCENARIOS)
    show(replace(MEASURED, pairs=pairs), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().partition("Network and machine")[2]


def test_a_report_that_is_piped_on_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    console = report_console()
    assert not console.is_terminal
    report = at_width(console)
    assert "…" not in report
    assert report.count(" 24.5 140") == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert f" {scenario.name}" in report


def test_a_report_on_a_narrow_terminal_cuts_nothing() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    report = at_width(console)
    assert "…" not in report
    assert report.count(" 24.5") == report.count(" 140") == len(SCENARIOS)


def test_the_report_ends_with_the_times() -> None:
    report = shown(ALONE)
    order = ["Not measured", "machine meanwhile", "Cost:", "Faults,", "Milliseconds,", "wake-up"]
    assert sorted(order, key=report.index) == order


def test_the_last_line_is_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "_measure", lambda *_: COMPARED)
    assert run(BenchOptions()) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Passed."


def test_json_holds_every_value(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", COMPARED, {"seed": "1"})
    written = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    ours, theirs = written["results"]
    assert [turn["cut_ms"] for turn in ours["turns"]] == [turn.cut_ms for turn in RESULT.turns]
    assert ours["distributions"]["cut_ms"] == {"p50": 4.0, "p95": 4.0, "p99": 4.0, "max": 20.0}
    assert theirs["faults"]["leaked_samples"] == 700
    assert written["handoff_us"]["values"] == [50.0]
    assert written["bare_wake_up_us"]["values"] == [30.0]
    assert written["settings"] == {"seed": "1"}
    assert written["machine"] == MEASURED.machine


@pytest.mark.parametrize("measured", [ALONE, COMPARED])
def test_drawings(tmp_path: Path, measured: Measured) -> None:
    pytest.importorskip("matplotlib")
    write_png(tmp_path / "x.png", measured)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    write_html(tmp_path / "x.html", measured)
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "data:image/svg+xml;base64," in page
    assert "http" not in page.partition("base64,")[0]
    assert "voice round trip" in page


def test_a_missing_package_is_reported_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match=r"make setup EXTRAS=bench"):
        run(BenchOptions(png=tmp_path / "x.png"))


def test_a_missing_folder_is_reported_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the folder .* does not exist"):
        run(BenchOptions(json=tmp_path / "none" / "x.json"))


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'loud' is not a scenario. Give one of: quiet,"):
        run(BenchOptions(scenarios=("loud",)))


@pytest.mark.parametrize(("limit_ms", "code"), [(4.0, 0), (3.9, 1)])
def test_the_exit_code_tells_whether_the_limits_were_kept(
    limit_ms: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_measure", lambda *_: COMPARED)
    assert run(BenchOptions(max_cut_ms=limit_ms)) == code


def test_options_for_the_scripted_service_are_refused_with_an_endpoint() -> None:
    live = BenchOptions(service=Settings(endpoint="https://there.example"), compare=True)
    with pytest.raises(UsageError, match=r"--compare.*--endpoint"):
        run(live)
