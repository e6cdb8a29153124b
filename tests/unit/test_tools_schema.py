"""What the model is told about a function, and which arguments reach it."""

import dataclasses
import enum
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from pipeline.tools.answers import (
    RESULT_BYTES,
    ArgumentsError,
    json_of,
    sentence_about_unknown,
    sentence_of,
)
from pipeline.tools.schema import Tool, tool_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


class Shape(BaseModel):
    """A closed line."""

    title: str = Field(description="What it is called.")
    corners: list[Point]
    colour: Colour = Colour.RED


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

POINT = {
    "type": "object",
    "title": "Point",
    "properties": {"x": {"type": "integer"}, "y": {"type": "number", "default": 0.0}},
    "required": ["x"],
}
COLOUR = {"type": "string", "title": "Colour", "enum": ["red", "blue"]}

TYPES: dict[str, tuple[Any, dict[str, Any], Any, Any]] = {
    "str": (str, {"type": "string"}, "a", "a"),
    "int": (int, {"type": "integer"}, 3, 3),
    "float": (float, {"type": "number"}, 3, 3.0),
    "bool": (bool, {"type": "boolean"}, True, True),
    "optional": (
        Optional[int],  # noqa: UP045 - as users write it
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        None,
        None,
    ),
    "literal": (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
    "enum": (Colour, COLOUR, "blue", Colour.BLUE),
    "list": (list[int], {"type": "array", "items": {"type": "integer"}}, [1, 2], [1, 2]),
    "dict": (
        dict[str, int],
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"a": 1},
        {"a": 1},
    ),
    "tuple": (
        tuple[int, str],
        {
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "minItems": 2,
            "maxItems": 2,
        },
        [1, "a"],
        (1, "a"),
    ),
    "pair of one type": (
        tuple[int, int],
        {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        [1, 2],
        (1, 2),
    ),
    "tuple of any length": (
        tuple[int, ...],
        {"type": "array", "items": {"type": "integer"}},
        [1],
        (1,),
    ),
    "datetime": (
        datetime,
        {"type": "string", "format": "date-time"},
        "2026-01-02T03:04:05",
        datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - the text has no zone
    ),
    "dataclass": (Point, {**POINT, "additionalProperties": False}, {"x": 1}, Point(1)),
    "model": (
        Shape,
        {
            "type": "object",
            "title": "Shape",
            "description": "A closed line.",
            "properties": {
                "title": {"type": "string", "description": "What it is called."},
                "corners": {"type": "array", "items": POINT},
                "colour": {**COLOUR, "default": "red"},
            },
            "required": ["title", "corners"],
        },
        {"title": "t", "corners": [{"x": 1, "y": 2}]},
        Shape(title="t", corners=[Point(1, 2.0)]),
    ),
    "union of models": (
        Pet,
        {
            "oneOf": [
                {
                    "type": "object",
                    "title": name.capitalize(),
                    "properties": {"kind": {"type": "string", "const": name}},
                    "required": ["kind"],
                }
                for name in ("cat", "dog")
            ]
        },
        {"kind": "dog"},
        Dog(kind="dog"),
    ),
    "bounded": (
        Annotated[int, Field(ge=1, le=9)],
        {"type": "integer", "minimum": 1, "maximum": 9},
        5,
        5,
    ),
}


@pytest.mark.parametrize("case", TYPES)
def test_a_type_gives_a_schema_without_references_and_a_converted_argument(case: str) -> None:
    hint, schema, given, converted = TYPES[case]

    def f(value: Any) -> None:
        """Do."""

    f.__annotations__["value"] = hint
    tool = tool_of(f, "here")
    assert tool.schema.parameters == {
        "type": "object",
        "properties": {"value": schema},
        "required": ["value"],
        "additionalProperties": False,
    }
    assert tool.keywords(json.dumps({"value": given})) == {"value": converted}


GOOGLE = """Do a thing.

Long text.

Args:
    city: The city,
        or town.
    count (int): How many.

Returns:
    Nothing of note.
"""
NUMPY = """Do a thing.

Long text.

Parameters
----------
city : str
    The city,
    or town.
count : int, optional
    How many.

Returns
-------
str
    Nothing of note.
"""
REST = """Do a thing.

Long text.

:param city: The city,
    or town.
:param int count: How many.
:returns: Nothing of note.
"""


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_descriptions_come_from_the_docstring(docstring: str) -> None:
    def f(city: str, count: int = 1) -> str:
        return city * count

    f.__doc__ = docstring
    schema = tool_of(f, "here").schema
    assert schema.name == "f"
    assert schema.description == "Do a thing.\n\nLong text."
    assert schema.parameters["properties"] == {
        "city": {"type": "string", "description": "The city,\nor town."},
        "count": {"type": "integer", "description": "How many.", "default": 1},
    }
    assert schema.parameters["required"] == ["city"]


def test_defaults_are_the_functions_own() -> None:
    missing = object()

    def f(a: int | None = None, *, b: Any = missing, json: list[int] = []) -> Any:  # noqa: B006
        """Do."""
        return a, b, json

    tool = tool_of(f, "here")
    assert "default" not in tool.schema.parameters["properties"]["b"]
    assert "required" not in tool.schema.parameters
    assert tool.keywords("{}") == {}
    assert tool.keywords("  ") == {}
    assert tool.keywords('{"json": [1]}') == {"json": [1]}


class Place(NamedTuple):
    x: int
    name: str = "here"


class Options(TypedDict):
    limit: int
    unit: NotRequired[str]


def clamped(n: int = Field(default=5, ge=1, le=9)) -> int:
    """Return n."""
    return n


def annotated(n: Annotated[int, Field(default=5, ge=1, description="How many.")]) -> int:
    """Return n."""
    return n


def both(n: Annotated[int, Field(ge=1)] = Field(2, le=9)) -> int:
    """Return n."""
    return n


def made(n: list[int] = Field(default_factory=lambda: [7], max_length=2)) -> list[int]:  # noqa: B008
    """Return n."""
    return n


def renamed(n: str = Field(alias="words", pattern="^a")) -> str:
    """Return n."""
    return n


def mixed(a: int = 1, n: int = Field(default=5, ge=1)) -> int:
    """Return n."""
    return a * n


FIELDS: dict[str, tuple[Callable[..., Any], dict[str, Any], str, dict[str, Any], str]] = {
    "default": (
        clamped,
        {"n": {"type": "integer", "default": 5, "minimum": 1, "maximum": 9}},
        "{}",
        {"n": 5},
        '{"n": 10}',
    ),
    "annotated": (
        annotated,
        {"n": {"type": "integer", "default": 5, "minimum": 1, "description": "How many."}},
        "{}",
        {"n": 5},
        '{"n": 0}',
    ),
    "both": (
        both,
        {"n": {"type": "integer", "default": 2, "minimum": 1, "maximum": 9}},
        "{}",
        {"n": 2},
        '{"n": 10}',
    ),
    "factory": (
        made,
        {"n": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}},
        "{}",
        {"n": [7]},
        '{"n": [1, 2, 3]}',
    ),
    "alias": (
        renamed,
        {"words": {"type": "string", "pattern": "^a"}},
        '{"words": "ab"}',
        {"n": "ab"},
        '{"words": "b"}',
    ),
    "plain beside a field": (
        mixed,
        {
            "a": {"type": "integer", "default": 1},
            "n": {"type": "integer", "default": 5, "minimum": 1},
        },
        "{}",
        {"n": 5},
        '{"n": 0}',
    ),
}


@pytest.mark.parametrize("case", FIELDS)
def test_fields_declare_defaults_and_constraints_as_in_pydantic(case: str) -> None:
    function, properties, arguments, keywords, refused = FIELDS[case]
    tool = tool_of(function, "here")
    assert tool.schema.parameters["properties"] == properties
    assert tool.keywords(arguments) == keywords
    function(**tool.keywords(arguments))
    with pytest.raises(ArgumentsError):
        tool.keywords(refused)


def test_a_field_may_describe_what_the_docstring_describes_too() -> None:
    def look(where: str = Field(description="The place.")) -> None:
        """Look.

        :param where: another text
        """

    assert tool_of(look, "here").schema.parameters == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"where": {"type": "string", "description": "The place."}},
        "required": ["where"],
    }


def test_named_tuples_typed_dicts_unions_and_dates_reach_the_function() -> None:
    def go(place: Place, options: Options, when: date | None, n: int | str) -> None:
        """Go."""

    tool = tool_of(go, "here")
    place = tool.schema.parameters["properties"]["place"]
    assert place["items"] == {"anyOf": [{"type": "integer"}, {"type": "string", "default": "here"}]}
    given = '{"place": [3], "options": {"limit": 1}, "when": "2026-11-26", "n": "x"}'
    assert tool.keywords(given) == {
        "place": Place(3),
        "options": {"limit": 1},
        "when": date(2026, 11, 26),
        "n": "x",
    }


def test_a_property_may_have_the_name_of_a_schema_word() -> None:
    class Odd(BaseModel):
        prefixItems: list[int]  # noqa: N815 - the point of this test

    def odd(it: Odd) -> None:
        """Odd."""

    assert tool_of(odd, "here").schema.parameters["properties"]["it"]["properties"] == {
        "prefixItems": {"type": "array", "items": {"type": "integer"}}
    }


def test_a_function_without_parameters() -> None:
    def f() -> None:
        """Do."""

    assert tool_of(f, "here").schema.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_a_parameter_may_have_any_name() -> None:
    def f(schema: int, model_config: int, _x: int, p0: int, self: int, copy: int = 1) -> None:
        """Do."""

    names = ["schema", "model_config", "_x", "p0", "self", "copy"]
    tool = tool_of(f, "here")
    assert list(tool.schema.parameters["properties"]) == names
    assert tool.keywords(json.dumps(dict.fromkeys(names, 7))) == dict.fromkeys(names, 7)


def everything(
    city: str, count: int = 1, kind: Literal["a", "b"] = "a", shape: Shape | None = None
) -> str:
    """Do."""
    return f"{city}{count}{kind}{shape}"


FAULTS = {
    "": "city is missing",
    "{": "Invalid JSON: EOF while parsing",
    "nonsense": "Invalid JSON: expected ident",
    "[]": "Input should be an object",
    "null": "Input should be an object",
    "{}": "city is missing",
    '{"city": 3}': "city: Input should be a valid string, not 3",
    '{"city": "a", "count": "x"}': "count: Input should be a valid integer",
    '{"city": "a", "kind": "c"}': "kind: Input should be 'a' or 'b', not 'c'",
    '{"city": "a", "town": 1}': "there is no argument town; there are: city, count, kind, shape",
    '{"city": "a", "shape": {"title": "t", "corners": [{}]}}': "shape.corners.0.x is missing",
    '{"city": "a", "shape": {"title": "\\ud800"}}': "Invalid JSON",
    "[" * 100_000: "Invalid JSON: recursion limit exceeded",
    json.dumps({"city": ["x" * 100_000]}): "city: Input should be a valid string, not ['xxx",
}


@pytest.mark.parametrize("arguments", FAULTS, ids=range(len(FAULTS)))
def test_the_model_is_told_which_arguments_are_wrong(arguments: str) -> None:
    with pytest.raises(ArgumentsError) as told:
        tool_of(everything, "here").keywords(arguments)
    assert str(told.value).startswith("error: wrong arguments for everything: ")
    assert FAULTS[arguments] in str(told.value)
    assert len(str(told.value)) <= 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
NAMED = st.dictionaries(st.sampled_from(["city", "count", "kind", "shape"]), JSON)
TOOL = tool_of(everything, "here")


@given(st.text() | JSON.map(json.dumps) | NAMED.map(json.dumps))
def test_arguments_of_any_kind_fit_or_are_refused(arguments: str) -> None:
    try:
        keywords = TOOL.keywords(arguments)
    except ArgumentsError as error:
        told = str(error)
    else:
        told = f"error: none: {everything(**keywords)}"[:500]
    assert told.startswith("error: ")
    assert len(told) <= 500


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


RESULTS = {
    "none": (None, "null"),
    "text": ("Grüße", '"Grüße"'),
    "numbers": ([1, 2.5, Decimal("1.50"), True], '[1,2.5,"1.50",true]'),
    "not a number": (float("nan"), '"NaN"'),
    "enum": (Colour.RED, '"red"'),
    "dataclass": (Point(1), '{"x":1,"y":0.0}'),
    "model": (Cat(kind="cat"), '{"kind":"cat"}'),
    "dates": ([date(2026, 1, 2)], '["2026-01-02"]'),
    "sets and tuples": ((frozenset({1}), {2}), "[[1],[2]]"),
    "generator": ((n for n in range(3)), "[0,1,2]"),
    "path and id": ((Path("a"), UUID(int=0)), '["a","00000000-0000-0000-0000-000000000000"]'),
    "keys": ({1: 2, Colour.RED: 3}, '{"1":2,"red":3}'),
}


@pytest.mark.parametrize("case", RESULTS)
def test_results_become_json(case: str) -> None:
    result, expected = RESULTS[case]
    assert json_of("f", result) == expected


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "result", [object(), len, b"\xff", CIRCLE, {"a": object()}, range(3), ValueError()]
)
def test_a_result_that_json_cannot_hold_is_a_sentence(result: object) -> None:
    sentence = json_of("f", result)
    assert sentence.startswith("error: the result of f cannot be written as JSON: ")
    assert len(sentence) <= 500


def test_a_result_is_passed_on_up_to_its_bound() -> None:
    fits = "ä" * (RESULT_BYTES // 2 - 1)
    assert json.loads(json_of("f", fits)) == fits
    assert json_of("f", fits + "a") == (
        "error: the result of f has 65,537 bytes, but at most 65,536 are allowed: ask for less"
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no such city"), "error: ValueError: no such city"),
        (KeyError("x"), "error: KeyError: 'x'"),
        (SystemExit(), "error: SystemExit"),
        (UnprintableError(), "error: UnprintableError"),
        (OSError("\udc80"), "error: OSError: \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_exceptions_become_short_text(error: BaseException, sentence: str) -> None:
    assert sentence_of(error) == sentence


def test_long_text_is_cut() -> None:
    assert len(sentence_of(ValueError("x" * 10_000))) == 500


def test_an_unknown_function_is_a_sentence() -> None:
    assert sentence_about_unknown("g", ["a", "b"]) == (
        "error: there is no function g; there are: a, b"
    )


def test_a_tool_knows_whether_it_is_a_coroutine() -> None:
    async def f() -> None:
        """Do."""

    assert isinstance(tool_of(f, "here"), Tool)
    assert tool_of(f, "here").is_async
    assert not tool_of(everything, "here").is_async
