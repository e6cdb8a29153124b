"""Functions for the model to call: ``.venv/bin/voice-pipeline run --tools examples/tools.py``.

Every public function with type hints and a docstring is a tool. The docstring is all that the
model knows about it. If a function raises, the model gets the exception's text and explains it.
"""

import ast
import asyncio
import math
import operator
import os
import sys
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

# Larger cities whose time zone is named after another city.
_ZONES = {
    "Abu Dhabi": "Asia/Dubai",
    "Atlanta": "America/New_York",
    "Bangalore": "Asia/Kolkata",
    "Barcelona": "Europe/Madrid",
    "Beijing": "Asia/Shanghai",
    "Bengaluru": "Asia/Kolkata",
    "Bonn": "Europe/Berlin",
    "Boston": "America/New_York",
    "Brasilia": "America/Sao_Paulo",
    "Calgary": "America/Edmonton",
    "Canberra": "Australia/Sydney",
    "Cape Town": "Africa/Johannesburg",
    "Chennai": "Asia/Kolkata",
    "Cologne": "Europe/Berlin",
    "Dallas": "America/Chicago",
    "Delhi": "Asia/Kolkata",
    "Edinburgh": "Europe/London",
    "Frankfurt": "Europe/Berlin",
    "Geneva": "Europe/Zurich",
    "Guangzhou": "Asia/Shanghai",
    "Hamburg": "Europe/Berlin",
    "Hanoi": "Asia/Ho_Chi_Minh",
    "Houston": "America/Chicago",
    "Hyderabad": "Asia/Kolkata",
    "Kyoto": "Asia/Tokyo",
    "Las Vegas": "America/Los_Angeles",
    "Lyon": "Europe/Paris",
    "Manchester": "Europe/London",
    "Marseille": "Europe/Paris",
    "Mecca": "Asia/Riyadh",
    "Miami": "America/New_York",
    "Milan": "Europe/Rome",
    "Montreal": "America/Toronto",
    "Mumbai": "Asia/Kolkata",
    "Munich": "Europe/Berlin",
    "Naples": "Europe/Rome",
    "New Delhi": "Asia/Kolkata",
    "Osaka": "Asia/Tokyo",
    "Ottawa": "America/Toronto",
    "Philadelphia": "America/New_York",
    "Porto": "Europe/Lisbon",
    "Rio de Janeiro": "America/Sao_Paulo",
    "Saint Petersburg": "Europe/Moscow",
    "Salzburg": "Europe/Vienna",
    "San Diego": "America/Los_Angeles",
    "San Francisco": "America/Los_Angeles",
    "Seattle": "America/Los_Angeles",
    "Shenzhen": "Asia/Shanghai",
    "Stuttgart": "Europe/Berlin",
    "Tel Aviv": "Asia/Jerusalem",
    "Washington": "America/New_York",
    "Wellington": "Pacific/Auckland",
}


def current_time(city: str) -> str:
    """Tell the current time and date in a city.

    Args:
        city: The city's English name, such as "Tokyo", or a time zone, such as "Europe/Berlin".
    """
    zone = _zones().get(_plain(city))
    if zone is None:
        return (
            f"The time zone of {city} is not known: "
            "name a larger city, or a time zone such as Europe/Berlin."
        )
    now = datetime.now(ZoneInfo(zone))
    return f"In {city} it is {now:%H:%M} on {now:%A}, {now.day} {now:%B %Y}."


def calculate(expression: str) -> int | float:
    """Calculate an arithmetic expression.

    Use it for every calculation. It knows + - * / // % **, parentheses, sqrt, abs, round, min,
    max, log, log10, exp, sin, cos, tan (in radians), pi and e.

    Args:
        expression: The expression in Python's notation, such as "(3 + 4) * 2 ** 5".
    """
    if len(expression) > 200:
        raise ValueError("the expression is longer than 200 characters")
    text = expression.strip().replace("^", "**")
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        raise ValueError(f"this is not an arithmetic expression: {expression}") from None
    result = _value(tree.body)
    return result if isinstance(result, int) else float(f"{result:.12g}")


async def note(text: str | None = None) -> str:
    """Keep a note for the user, or read all notes back.

    Notes are still there in later conversations.

    Args:
        text: The note to keep. Leave it out to read all notes.
    """
    path = _data_folder() / "notes.txt"
    if text is None or not text.strip():
        return await asyncio.to_thread(_read_notes, path)
    line = " ".join(text.split())
    await asyncio.to_thread(_append_note, path, line)
    return f"Noted: {line}"


@cache
def _zones() -> dict[str, str]:
    """Return zones by their full name, by their city, and by the cities in the table."""
    names = sorted(available_timezones())
    zones = {_plain(name): name for name in names}
    cities = {_plain(name.rpartition("/")[2]): name for name in names if "/" in name}
    return cities | zones | {_plain(city): zone for city, zone in _ZONES.items()}


def _plain(name: str) -> str:
    """Return `name` so that São_Paulo, sao paulo and SAO PAULO are equal."""
    letters = unicodedata.normalize("NFKD", name.replace("_", " ").casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


_BITS = 1_000
_Number = int | float
_CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}
_FUNCTIONS: dict[str, Callable[..., _Number]] = {
    "abs": abs,
    "cos": math.cos,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "round": round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
_SIGNS: dict[type[ast.unaryop], Callable[[_Number], _Number]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def _power(base: _Number, exponent: _Number) -> _Number:
    if isinstance(base, int) and isinstance(exponent, int):
        _require_small(base.bit_length() * exponent)
    if base < 0 and exponent != int(exponent):
        raise ValueError("a root of a negative number is not real")
    result: _Number = base**exponent
    return result


_OPERATORS: dict[type[ast.operator], Callable[[_Number, _Number], _Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}


def _value(node: ast.expr) -> _Number:
    """Evaluate a tree of numbers, operators and the functions above; nothing else is allowed."""
    match node:
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            result: _Number = number
        case ast.Name(name) if name in _CONSTANTS:
            result = _CONSTANTS[name]
        case ast.UnaryOp(sign, operand) if type(sign) in _SIGNS:
            result = _SIGNS[type(sign)](_value(operand))
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATORS:
            result = _OPERATORS[type(operation)](_value(left), _value(right))
        case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
            result = _FUNCTIONS[name](*map(_value, arguments))
        case _:
            raise ValueError(f"{ast.unparse(node)} cannot be calculated")
    if isinstance(result, int):
        _require_small(result.bit_length())
    return result


def _require_small(bits: int) -> None:
    if bits > _BITS:
        raise ValueError("the numbers are too large")


def _data_folder() -> Path:
    """Return the folder for a user's data, by each system's convention."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "voice-pipeline"


def _append_note(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as notes:
        notes.write(f"{line}\n")


def _read_notes(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "There are no notes."
