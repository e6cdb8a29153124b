"""Which function a remark asks for, and with which arguments, by rules instead of a model.

A remark asks for a tool if it shares words with the tool's name, or enough words with its
description. The JSON schema says what to look for as an argument: a number, one of several words, a
sum, the place after "in" or "for", or else the words after those that chose the tool.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pipeline.emulator.replies.arithmetic import parse_sum
from pipeline.emulator.replies.source import FunctionCall
from pipeline.emulator.wire.events import Event
from pipeline.numerals import parse_number

_NAME_WORD = 2
_ENOUGH = 2
_SUM = 3
_PLACE_WORDS = {"address", "city", "country", "location", "place", "region", "town", "zone"}
_SUM_WORDS = {"arithmetic", "calculate", "calculator", "expression", "mathematic", "sum"}
_COMMON = set(
    "a an and are as at be by can could do does for from get give has have how i in is it its me "  # noqa: SIM905 - a list of words reads better as text
    "my of on one or please show tell that the then there this to us was we what what's when "
    "where which who will with would you your current now".split()
)
_BEFORE_PLACE = re.compile(
    r"\b(?:in|for|at|of|near|from|about|on)\s+(?:the\s+)?(?P<place>[^,.?!;]+)", re.IGNORECASE
)
_FILLER = re.compile(
    r"^(?:[\s,:;.-]|\b(?:that|to|saying|says|down|of|please|me|a|the)\b)+", re.IGNORECASE
)
_END = re.compile(r"[\s.?!,;:]*(?:\bplease\b)?[\s.?!,;:]*$", re.IGNORECASE)


def pick_calls(tools: list[Event], choice: Any, remark: str) -> list[FunctionCall]:  # noqa: ANN401 - JSON
    """Return the calls that answer `remark` under the session's `tools` and `tool_choice`."""
    tools = [tool for tool in tools if tool.get("type", "function") == "function"]
    if choice == "none" or not tools:
        return []
    if isinstance(choice, dict):
        named = [tool for tool in tools if tool.get("name") == choice.get("name")]
        return [_call(tool, remark) for tool in named]
    calls = list(_calls_of_parts(tools, remark))
    if not calls and choice == "required":
        best = max(tools, key=lambda tool: _score(tool, remark))
        return [_call(best, remark)]
    return calls


def spoken(outputs: list[str]) -> str:
    """Return the outputs of functions as sentences."""
    return " ".join(_spoken_one(output) for output in outputs)


def _calls_of_parts(tools: list[Event], remark: str) -> Iterator[FunctionCall]:
    """Split requests joined by "and"; a part such as "and in Paris" repeats the tool before it."""
    parts = re.split(r"\band (?:then |also )?", remark)
    chosen = [_best(tools, part) for part in parts]
    if chosen[0] is None or (
        None in chosen
        and not all(
            tool or _BEFORE_PLACE.match(part) for tool, part in zip(chosen, parts, strict=True)
        )
    ):
        whole = _best(tools, remark)
        if whole is not None:
            yield _call(whole, remark)
        return
    tool = chosen[0]
    for own, part in zip(chosen, parts, strict=True):
        tool = own or tool
        yield _call(tool, part)


def _best(tools: list[Event], remark: str) -> Event | None:
    best = max(tools, key=lambda tool: _score(tool, remark))
    return best if _score(best, remark) >= _ENOUGH else None


def _score(tool: Event, remark: str) -> int:
    words = set(_words(remark)) - _COMMON
    name = set(_words(str(tool.get("name")).replace("_", " ").replace("-", " "))) - _COMMON
    described = set(_words(str(tool.get("description")))) - _COMMON
    score = _NAME_WORD * len(words & name) + len(words & (described - name))
    if (name | described) & _SUM_WORDS and parse_sum(remark.lower()):
        score += _SUM
    return score


def _words(text: str) -> list[str]:
    """Return the words in lower case, without the s of a plural."""
    return [re.sub(r"(?<=\w{3})s$", "", w) for w in re.findall(r"[a-z0-9']+", text.lower())]


def _call(tool: Event, remark: str) -> FunctionCall:
    schema = _object(tool.get("parameters"))
    required = _array(schema.get("required"))
    arguments = {}
    for name, described in _object(schema.get("properties")).items():
        kind = _object(described)
        value = _argument(name, kind, tool, remark)
        if value is not None:
            arguments[name] = value
        elif name in required:
            arguments[name] = _stopgap(kind, remark)
    return FunctionCall(str(tool.get("name")), json.dumps(arguments))


def _object(value: Any) -> Event:  # noqa: ANN401 - a client's schema may be any JSON
    return value if isinstance(value, dict) else {}


def _array(value: Any) -> list[Any]:  # noqa: ANN401 - as above
    return value if isinstance(value, list) else []


def _argument(name: str, kind: Event, tool: Event, remark: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value that the remark holds for a parameter, or None."""
    if choices := _array(kind.get("enum")):
        return next((c for c in choices if str(c).lower() in remark.lower()), None)
    match _type(kind):
        case "integer" | "number" as wanted:
            return _number(remark, whole=wanted == "integer")
        case "array":
            rest = _rest(tool, remark)
            return (
                [_END.sub("", part).strip() for part in re.split(r",|\band\b", rest)]
                if rest
                else None
            )
        case "string":
            meant = {*_words(name), *_words(str(kind.get("description")))}
            return (
                (_sum(remark) if meant & _SUM_WORDS else None)
                or (_place(remark) if meant & _PLACE_WORDS else None)
                or _rest(tool, remark)
            )
    return None


def _type(kind: Event) -> str:
    """Return the JSON type, also of an optional parameter (``anyOf`` or a list with null)."""
    if "type" in kind:
        types = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
        return next((str(each) for each in types if each != "null"), "")
    options = [_object(each) for each in _array(kind.get("anyOf"))]
    return next((_type(each) for each in options if each.get("type") != "null"), "")


def _stopgap(kind: Event, remark: str) -> Any:  # noqa: ANN401 - JSON
    """Return a placeholder for a required argument that was not said: the tool will complain."""
    if choices := _array(kind.get("enum")):
        return choices[0]
    empty = {"integer": 0, "number": 0, "boolean": True, "array": [], "object": {}}
    return empty.get(_type(kind), remark)


def _number(remark: str, *, whole: bool) -> int | float | None:
    tokens = remark.lower().replace("-", " ").strip(" .?!").split()
    for start in range(len(tokens)):
        for end in range(len(tokens), start, -1):
            value = parse_number(tokens[start:end])
            if value is not None and (not whole or value.denominator == 1):
                return int(value) if value.denominator == 1 else float(value)
    return None


def _sum(remark: str) -> str | None:
    parsed = parse_sum(remark.lower())
    if parsed is None:
        return None
    numbers, signs = parsed
    parts = [str(n) if n.denominator == 1 else str(float(n)) for n in numbers]
    return parts[0] + "".join(f" {s} {n}" for s, n in zip(signs, parts[1:], strict=True))


def _place(remark: str) -> str | None:
    places = [found["place"] for found in _BEFORE_PLACE.finditer(remark)]
    return _END.sub("", places[-1]) or None if places else None


def _rest(tool: Event, remark: str) -> str | None:
    """Return what follows the words of the tool's name in the remark."""
    name = set(_words(str(tool.get("name")).replace("_", " "))) - _COMMON
    words = list(re.finditer(r"[\w']+", remark))
    is_name = [bool({*_words(word[0])} & name) for word in words]
    if True not in is_name:
        return None
    last = is_name.index(True)
    while last + 1 < len(words) and is_name[last + 1]:
        last += 1
    return _END.sub("", _FILLER.sub("", remark[words[last].end() :])) or None


def _spoken_one(output: str) -> str:
    if output.startswith("error:"):
        return f"That did not work: {output.removeprefix('error:').strip().rstrip('.')}."
    try:
        value = json.loads(output)
    except ValueError:
        value = output
    sentence = _phrase(value)
    if isinstance(value, str) and " " in value:
        return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
    return f"The result is {sentence}."


def _phrase(value: Any) -> str:  # noqa: ANN401 - JSON
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_phrase, value)) or "nothing"
        case dict():
            return ", ".join(f"{key.replace('_', ' ')}: {_phrase(v)}" for key, v in value.items())
    return str(value)
