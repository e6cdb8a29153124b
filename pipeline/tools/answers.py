"""The model's answer to a call: the result as JSON, or one bounded sentence about the error."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError, to_json, to_jsonable_python

from pipeline.system.text import encodable

RESULT_BYTES = 64 * 1024
"""Larger results are useless in a spoken conversation and fill the model's context."""

_SENTENCE_CHARACTERS = 500
_INPUT_CHARACTERS = 80
_FAULTS = 3


class ArgumentsError(Exception):
    """The model's arguments cannot be used; `str(error)` tells the model why."""


def json_of(name: str, result: object) -> str:
    """Return the result of the function `name` as JSON, or a sentence if it cannot be encoded.

    pydantic encodes dataclasses, pydantic models, enums, dates, decimals and sets; infinities and
    NaN, which JSON lacks, become strings.
    """
    try:
        encoded = _json(result)
    except (PydanticSerializationError, ValueError) as error:
        return _error(f"the result of {name} cannot be written as JSON: {error}")
    if len(encoded) > RESULT_BYTES:
        return _error(
            f"the result of {name} has {len(encoded):,} bytes, but at most {RESULT_BYTES:,} "
            "are allowed: ask for less"
        )
    return encoded.decode()


def _json(result: object) -> bytes:
    try:
        return to_json(result, inf_nan_mode="strings")
    except PydanticSerializationError:
        # It may hold text with halves of surrogate pairs, such as the name of a file.
        parts = to_jsonable_python(result, inf_nan_mode="strings")
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return encodable(text).encode()


def sentence_of(error: BaseException) -> str:
    """Return the exception that a function raised, as short text."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the user's class may be faulty itself
        text = ""
    return _error(f"{kind}: {text}" if text else kind)


def sentence_about_unknown(name: str, known: Sequence[str]) -> str:
    """Return the answer to a call of a function that does not exist."""
    return _error(f"there is no function {name}; there are: {', '.join(known)}")


def sentence_about_arguments(name: str, known: Sequence[str], error: ValidationError) -> str:
    """Return which arguments of the function `name` are wrong, and what it expects."""
    details = error.errors(include_url=False, include_context=False)
    faults = "; ".join(_fault(detail, known) for detail in details[:_FAULTS])
    return _error(f"wrong arguments for {name}: {faults}")


def _fault(detail: ErrorDetails, known: Sequence[str]) -> str:
    where = ".".join(str(step) for step in detail["loc"])
    if not where:
        return detail["msg"]
    if detail["type"] == "missing":
        return f"{where} is missing"
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
        return f"there is no argument {where}; there are: {', '.join(known) or 'none'}"
    return f"{where}: {detail['msg']}, not {_shown(detail['input'])}"


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    return _bounded(repr(value), _INPUT_CHARACTERS)


def _error(sentence: str) -> str:
    return _bounded(encodable(f"error: {sentence}"), _SENTENCE_CHARACTERS)


def _bounded(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
