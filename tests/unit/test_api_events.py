"""Events on their way to a user, as objects and as lines of JSON."""

import json
from dataclasses import FrozenInstanceError

import pytest

import pipeline
from pipeline.api.event_queue import EventQueue
from pipeline.api.event_schema import event_types, events_table
from pipeline.console.json_lines import JsonLines
from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.event_json import as_json, name_of
from pipeline.ipc.events import (
    Event,
    Log,
    MissedPeriod,
    PeriodsMissed,
    ToolCalled,
    ToolCancelled,
    Trace,
    UserSaid,
)
from pipeline.ipc.reports import AtWork, event_of
from tests.support.program import REPOSITORY


def taken(queue: EventQueue) -> list[Event]:
    return list(iter(queue.take, None))


def test_a_queue_keeps_the_order_of_all_events() -> None:
    queue = EventQueue()
    events = [UserSaid("one"), Trace("two"), Trace("three"), UserSaid("four"), Trace("five")]
    for event in events:
        queue.put(event)
    assert taken(queue) == events
    assert queue.take() is None


def test_a_full_queue_drops_the_oldest_traces_and_nothing_else() -> None:
    queue = EventQueue()
    most = EventQueue.MOST_TRACES
    for number in range(2 * most):
        queue.put(UserSaid(str(number)))
        queue.put(Trace(str(number)))
    events = taken(queue)
    said = [int(event.text) for event in events if isinstance(event, UserSaid)]
    traced = [int(event.message) for event in events if isinstance(event, Trace)]
    assert said == list(range(2 * most))
    assert traced == list(range(most, 2 * most))


def test_each_event_is_documented_and_exported() -> None:
    document = (REPOSITORY / "docs/api.md").read_text()
    table = document.partition("<!-- events -->\n")[2].partition("\n<!-- /events -->")[0]
    assert table == events_table(), f"put this into docs/api.md:\n{events_table()}"
    for kind in event_types():
        assert getattr(pipeline, kind.__name__) is kind
        assert kind.__doc__


def test_all_that_is_exported_exists() -> None:
    for name in pipeline.__all__:
        assert getattr(pipeline, name).__name__ == name
    assert {*pipeline.__all__} <= {*dir(pipeline)}
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        pipeline.Nonsense  # noqa: B018 - reading it is the test


def test_events_are_frozen_and_have_a_time() -> None:
    first, second = UserSaid("x"), UserSaid("x")
    assert first == second
    assert first.time_ns <= second.time_ns
    with pytest.raises(FrozenInstanceError):
        first.text = "y"  # type: ignore[misc]  # the fault under test


def test_events_are_lines_of_ascii_json(capsys: pytest.CaptureFixture[str]) -> None:
    screen = JsonLines()
    screen.show(UserSaid("\u4eca\x1b[2J\ud83d\n", time_ns=1))
    screen.show(PeriodsMissed("speaker", (MissedPeriod(2, 3),), time_ns=4))
    screen.say("Goodbye.")
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 2
    assert "\x1b" not in out
    said, missed = map(json.loads, out.splitlines())
    assert said == {
        "event": "user_said",
        "time_ns": 1,
        "text": "\u4eca\x1b[2J\ud83d\n",
        "typed": False,
    }
    assert missed["periods"] == [[2, 3]]


def test_names_in_json_are_unique() -> None:
    names = [name_of(kind) for kind in event_types()]
    assert len({*names}) == len(names)
    assert as_json(UserSaid("x"))["event"] in names


def test_what_only_the_supervisor_needs_is_no_event() -> None:
    assert event_of(AtWork()) is None
    assert event_of(CallTool("c1", "f", "{}")) == ToolCalled("c1", "f", "{}")
    assert event_of(CancelTool("c1")) == ToolCancelled("c1")
    log = Log(10, "x", "y")
    assert event_of(log) is log
