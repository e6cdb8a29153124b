"""Which function a remark asks for, and with which arguments."""

import json
from typing import Any

import pytest

from pipeline.emulator.replies.source import FunctionCall
from pipeline.emulator.replies.tool_calls import pick_calls, spoken


def tool(name: str, description: str, **parameters: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": {"type": "object", "properties": parameters, "required": list(parameters)},
    }


CLOCK = tool("current_time", "Tell the time in a city.", city={"type": "string"})
CALCULATOR = tool("calculate", "Work out a sum.", expression={"type": "string"})
NOTE = tool("note", "Keep a note.", text={"type": "string"})
TIMER = tool("start_timer", "Start a timer.", minutes={"type": "integer"})
LAMP = tool("set_lamp", "Switch the lamp.", state={"type": "string", "enum": ["on", "off"]})
LIST = tool("add_shopping", "Add shopping.", items={"type": "array", "items": {"type": "string"}})
TOOLS = [CLOCK, CALCULATOR, NOTE, TIMER, LAMP, LIST]


def picked(remark: str, choice: Any = "auto") -> list[tuple[str, dict[str, Any]]]:
    return [(c.name, json.loads(c.arguments)) for c in pick_calls(TOOLS, choice, remark)]


@pytest.mark.parametrize(
    ("remark", "calls"),
    [
        ("What time is it in Tokyo?", [("current_time", {"city": "Tokyo"})]),
        ("What is six times seven?", [("calculate", {"expression": "6 * 7"})]),
        ("Take a note: buy milk.", [("note", {"text": "buy milk"})]),
        ("Please set a timer for five minutes.", [("start_timer", {"minutes": 5})]),
        ("Turn the lamp off.", [("set_lamp", {"state": "off"})]),
        (
            "Add shopping milk, bread and tea.",
            [("add_shopping", {"items": ["milk", "bread", "tea"]})],
        ),
        (
            "What time is it in Paris and in New York?",
            [("current_time", {"city": "Paris"}), ("current_time", {"city": "New York"})],
        ),
        (
            "What time is it in Rome and what is two plus two?",
            [("current_time", {"city": "Rome"}), ("calculate", {"expression": "2 + 2"})],
        ),
        ("Tell me a long story.", []),
        ("", []),
    ],
)
def test_what_is_called(remark: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert picked(remark) == calls


def test_without_permission_no_tool_is_called() -> None:
    assert picked("What time is it in Tokyo?", "none") == []
    assert pick_calls([], "required", "What time is it?") == []


def test_some_tool_is_called_if_one_is_required() -> None:
    assert len(picked("Hello there.", "required")) == 1


def test_the_named_tool_is_called_whatever_was_said() -> None:
    choice = {"type": "function", "name": "note"}
    assert [name for name, _ in picked("Hello there.", choice)] == ["note"]


def test_a_tool_without_parameters_gets_none() -> None:
    weather = {"name": "weather", "description": "Tell what the weather is like."}
    assert pick_calls([weather], "auto", "What's the weather like?") == [
        FunctionCall("weather", "{}")
    ]


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        (["42"], "The result is 42."),
        (['"It is nine."'], "It is nine."),
        (["true"], "The result is yes."),
        (['["a", "b"]'], "The result is a, b."),
        (['{"room_size": 3}'], "The result is room size: 3."),
        (["error: no such city"], "That did not work: no such city."),
        (["not json", "1"], "not json. The result is 1."),
    ],
)
def test_results_are_spoken_as_sentences(outputs: list[str], sentence: str) -> None:
    assert spoken(outputs) == sentence
