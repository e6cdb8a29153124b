"""Check an object that a client sent, and name its first fault in the protocol's words."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from pipeline.emulator.wire.events import ClientError, shown

_T = TypeVar("_T")

_TOO_LONG = {
    "string_too_long": "string_above_max_length",
    "too_long": "array_above_max_length",
}


def validated(kind: TypeAdapter[_T], value: object, at: str) -> _T:
    """Return `value` as a `kind`; raise `ClientError` that names the first faulty field.

    :param at: where `value` stands in the event, such as ``session``
    """
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise _client_error(fault, value, at) from None


def _client_error(fault: ErrorDetails, value: object, at: str) -> ClientError:
    param = _param(fault, value, at)
    kind, in_content = fault["type"], "content" in fault["loc"]
    if kind == "missing":
        return _missing(param)
    if kind == "union_tag_not_found" and isinstance(fault["input"], dict):
        return _missing(f"{param}.{_discriminator(fault)}")
    if kind.endswith("_type") or kind == "union_tag_not_found":
        return ClientError("invalid_type", f"Invalid type for '{param}': {_reason(fault)}.", param)
    code = _TOO_LONG.get(kind, "invalid_value")
    if in_content and kind in ("union_tag_invalid", "literal_error"):
        code = "unsupported_content_type"
    if kind == "union_tag_invalid":
        param = f"{param}.{_discriminator(fault)}"
    return ClientError(code, f"Invalid '{param}': {_reason(fault)}.", param)


def _reason(fault: ErrorDetails) -> str:
    if fault["type"] == "union_tag_invalid":
        supported = fault["ctx"]["expected_tags"].removeprefix("'str', ")
        return f"got {shown(fault['ctx']['tag'])}, supported are {supported}"
    if fault["type"] == "union_tag_not_found":
        return "it is not an object"
    return fault["msg"][0].lower() + fault["msg"][1:]


def _missing(param: str) -> ClientError:
    return ClientError(
        "missing_required_parameter", f"Missing required parameter: '{param}'.", param
    )


def _discriminator(fault: ErrorDetails) -> str:
    return "role" if fault["ctx"]["discriminator"] == "'role'" else "type"


def _param(fault: ErrorDetails, value: object, at: str) -> str:
    """Return the path of the fault, without the union members that pydantic puts into it."""
    *way, last = fault["loc"] or ("",)
    for part in way:
        if isinstance(value, dict) and part in value:
            at, value = f"{at}.{shown(part, quoted=False)}", value[part]
        elif isinstance(value, list) and isinstance(part, int):
            at, value = f"{at}[{part}]", value[part]
    if isinstance(last, int):
        return f"{at}[{last}]"
    is_field = fault["type"] == "missing" or (isinstance(value, dict) and last in value)
    return f"{at}.{shown(last, quoted=False)}" if is_field else at
