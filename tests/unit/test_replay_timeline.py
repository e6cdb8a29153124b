"""What a replay makes of the recorded events."""

from typing import Any

import pytest

from pipeline.replay.figures import figures
from pipeline.replay.timeline import Cut, Sound, Span, Timeline, timeline_of
from tests.support.recordings import at_ns, event, interrupted_once, record
from tests.support.sound import RATE_HZ as S


def test_a_conversation_has_turns_cuts_and_waits() -> None:
    timeline = timeline_of(interrupted_once(), 6 * S)
    assert [(turn.role, turn.text) for turn in timeline.turns] == [
        ("user", "Is it?"),
        ("assistant", "Yes, of course it is. —"),
    ]
    assert [word.place / S for word in timeline.turns[1].words] == [3, 3.1, 3.2, 3.3, 3.4]
    assert timeline.speech == [Span(S, 2 * S), Span(round(3.99 * S), 5 * S)]
    assert timeline.sounds == [Sound(3 * S, 4 * S, 1)]
    assert timeline.cuts == [Cut(4 * S, round(3.994 * S), 6.0, 1, 1, S)]
    assert [(wait.asked / S, wait.ms) for wait in timeline.waits] == [(2, 1_000)]
    assert timeline.end == 6 * S
    places = [moment.place for moment in timeline.moments]
    assert places == sorted(places)
    assert timeline.count("assistant_said") == 0, "words are in the turns"


def test_events_lie_where_the_clock_says() -> None:
    entries = [
        record(0, "header"),
        {"record": "clock", "time_ns": at_ns(10), "sample": 10 * S + 2_400},
        event(5, "marked", text="middle"),
        event(11, "marked", text="behind"),
    ]
    timeline = timeline_of(entries, 0)
    marks = [moment.place for moment in timeline.moments if moment.kind == "marked"]
    assert marks == [5 * S + 1_200, 11 * S + 2_400]


def test_a_wait_ends_with_the_next_sound_and_not_after_the_user_spoke_again() -> None:
    entries = [
        *interrupted_once()[:3],
        event(3, "listening"),
        event(4, "processing"),
        record(4.5, "sound", item=1, end_sample=5 * S),
        record(5.5, "sound", item=1, end_sample=6 * S),
    ]
    timeline = timeline_of(entries, 6 * S)
    assert [(wait.asked / S, wait.sounded / S) for wait in timeline.waits] == [(4, 4.5)]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"event": None, "time_ns": 1},
        {"event": ["listening"], "time_ns": 1},
        {"event": "listening"},
        {"event": "listening", "time_ns": "soon"},
        {"event": "listening", "time_ns": 1 << 80},
        {"event": "listening", "time_ns": float("nan")},
        {"event": "listening", "time_ns": True},
        {"event": "assistant_said", "time_ns": at_ns(3), "text": {"a": 1}},
        {"event": "assistant_done", "time_ns": at_ns(9), "text": None, "cut": "yes"},
        {"event": "periods_missed", "time_ns": at_ns(3), "part": 7, "periods": 8},
        {"record": "sound", "time_ns": at_ns(3), "sample": 9, "end_sample": 8},
        {"record": "sound", "time_ns": at_ns(3), "sample": -5, "end_sample": None},
        {"record": "header", "time_ns": None, "sample": [], "settings": 3},
        {"record": "of a newer version", "sample": 4},
    ],
)
def test_an_odd_entry_disturbs_no_other(odd: dict[str, Any]) -> None:
    expected = timeline_of(interrupted_once(), 6 * S)
    entries = interrupted_once()
    for at in range(1, len(entries) + 1):
        found = timeline_of([*entries[:at], odd, *entries[at:]], 6 * S)
        assert found.cuts == expected.cuts
        assert found.sounds == expected.sounds
        assert [turn.text for turn in found.turns] == [turn.text for turn in expected.turns]
    timeline_of([odd], 0)


def test_nothing_is_a_timeline_too() -> None:
    assert timeline_of([], 0) == Timeline()
    assert timeline_of([], S).end == S


def test_figures_are_percentiles_and_counts() -> None:
    timeline = Timeline()
    for number in range(1, 101):
        timeline.cuts.append(Cut(number, number, float(number), number, 1, 0))
    timeline.cuts.append(Cut(200, None, None, 101, 1, 0))
    timeline.sounds = [Sound(0, 1, 1), Sound(2, 3, 1), Sound(4, 5, 2)]
    found = {figure.name: str(figure) for figure in figures(timeline)}
    assert found["speech noticed → silence, p50"] == "50.0 ms"
    assert found["speech noticed → silence, p95"] == "95.0 ms"
    assert found["speech noticed → silence, max"] == "100.0 ms"
    assert found["end of speech → first sound, p50"] == "–"  # noqa: RUF001 - an en dash
    assert found["cuts"] == "101"
    assert found["pauses of 0.25 s or more in an answer"] == "1"
    missed = event(1, "periods_missed", part="speaker", periods=[[1, 2], [3, 4]])
    again = {figure.name: figure.value for figure in figures(timeline_of([missed, missed], 0))}
    assert again["speaker periods missed"] == 4
