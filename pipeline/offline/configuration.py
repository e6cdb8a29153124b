"""What a session has been told to be: defaults, changes by `session.update`, their checks."""

import time
from collections.abc import Callable
from typing import Any

from pipeline.offline.turns import Endpointing
from pipeline.offline.wire import ClientError, Event, checked, is_kind, new_id

LIFETIME_S = 30 * 60

_SEMANTIC = Endpointing(prefix_padding_ms=420, speech_duration_ms=80)
_ENDPOINTING = {
    "server_vad": Endpointing(),
    "semantic_vad": _SEMANTIC,
    "azure_semantic_vad": _SEMANTIC,
    "azure_semantic_vad_en": _SEMANTIC,
    "azure_semantic_vad_multilingual": _SEMANTIC,
}
_MANUAL = "none"
_LONGEST_MS = 10_000
_RATES_HZ = (8_000, 16_000, 24_000, 44_100)
_MODALITIES = ("text", "audio", "animation", "avatar")


class Configuration:
    """The session object of the protocol, and what its fields mean to this service.

    Fields that change nothing here, such as noise reduction, are kept and echoed.
    """

    def __init__(self, model: str) -> None:
        self._session: Event = {
            "id": new_id("sess"),
            "object": "realtime.session",
            "model": model,
            "modalities": ["text", "audio"],
            "instructions": "",
            "voice": "en-US-AvaNeural",
            "input_audio_format": "pcm16",
            "input_audio_sampling_rate": 24_000,
            "output_audio_format": "pcm16",
            "input_audio_transcription": None,
            "turn_detection": _turn_detection({"type": "server_vad"}, "session.turn_detection"),
            "tools": [],
            "tool_choice": "auto",
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
            "expires_at": int(time.time()) + LIFETIME_S,
        }

    @property
    def wire(self) -> Event:
        """A copy of the session object, to be sent."""
        return dict(self._session)

    @property
    def input_rate_hz(self) -> int:
        return int(self._session["input_audio_sampling_rate"])

    @property
    def endpointing(self) -> Endpointing | None:
        """How turns are found; None if the client says itself when one is over."""
        rules = self._session["turn_detection"]
        return None if rules is None else Endpointing(**_endpointing_fields(rules))

    @property
    def creates_response(self) -> bool:
        return self._turn_flag("create_response")

    @property
    def interrupts_response(self) -> bool:
        return self._turn_flag("interrupt_response")

    @property
    def transcribes(self) -> bool:
        return self._session["input_audio_transcription"] is not None

    def for_response(self, overrides: Event) -> Event:
        """Return the session object as one response sees it; raise `ClientError`."""
        return self._session | _checked_fields(overrides, "response.")

    def update(self, changes: Event) -> None:
        """Take over `changes`, or raise `ClientError` and take over nothing."""
        for name in ("id", "object", "expires_at"):
            changes = {key: value for key, value in changes.items() if key != name}
        self._session |= _checked_fields(changes, "session.")

    def _turn_flag(self, name: str) -> bool:
        rules = self._session["turn_detection"]
        return rules is not None and bool(rules[name])


def _checked_fields(fields: Event, at: str) -> Event:
    return {
        name: _CHECKS[name](value, f"{at}{name}") if name in _CHECKS else value
        for name, value in fields.items()
    }


def _endpointing_fields(rules: Event) -> dict[str, Any]:
    return {name: rules[name] for name in Endpointing.__slots__ if name in rules}


def _turn_detection(value: object, param: str) -> Event | None:
    if value is None:
        return None
    rules = checked(value, dict, param)
    kind = _one_of((*_ENDPOINTING, _MANUAL))(rules.get("type", "server_vad"), f"{param}.type")
    if kind == _MANUAL:
        return None
    default = _ENDPOINTING[kind]
    filled = {
        "type": kind,
        **{name: getattr(default, name) for name in Endpointing.__slots__},
        "create_response": True,
        "interrupt_response": True,
        "auto_truncate": False,
        **{name: given for name, given in rules.items() if given is not None and name != "type"},
    }
    for name, given in filled.items():
        if name == "threshold":
            _number(0, 1)(given, f"{param}.{name}")
        elif name.endswith("_ms"):
            _whole_number(0, _LONGEST_MS)(given, f"{param}.{name}")
        elif name in ("create_response", "interrupt_response", "auto_truncate"):
            checked(given, bool, f"{param}.{name}")
    return filled


def _one_of(choices: tuple[Any, ...]) -> Callable[[object, str], Any]:
    def check(value: object, param: str) -> object:
        if isinstance(value, bool) or value not in choices:
            names = ", ".join(repr(choice) for choice in choices)
            raise ClientError(
                "invalid_value", f"Invalid value: {value!r}. Supported values are: {names}.", param
            )
        return value

    return check


def _number(minimum: float, maximum: float) -> Callable[[object, str], object]:
    def check(value: object, param: str) -> object:
        if not is_kind(value, int | float):
            raise ClientError("invalid_type", f"Invalid type for '{param}': no number.", param)
        assert isinstance(value, int | float)  # noqa: S101 - for the type checker
        if not minimum <= value <= maximum:
            raise ClientError(
                "invalid_value",
                f"Invalid '{param}': {value} is not from {minimum} to {maximum}.",
                param,
            )
        return value

    return check


def _whole_number(minimum: int, maximum: int) -> Callable[[object, str], object]:
    def check(value: object, param: str) -> object:
        return _number(minimum, maximum)(checked(value, int, param), param)

    return check


def _optional(check: Callable[[object, str], object]) -> Callable[[object, str], object]:
    return lambda value, param: None if value is None else check(value, param)


def _kind(kind: type[Any]) -> Callable[[object, str], object]:
    return lambda value, param: checked(value, kind, param)


def _voice(value: object, param: str) -> object:
    return value if isinstance(value, dict) else checked(value, str, param)


def _modalities(value: object, param: str) -> object:
    modalities = checked(value, list, param)
    if not modalities:
        raise ClientError("invalid_value", f"Invalid '{param}': it is empty.", param)
    for modality in modalities:
        _one_of(_MODALITIES)(modality, param)
    return modalities


def _token_limit(value: object, param: str) -> object:
    return value if value == "inf" else _whole_number(1, 4_096)(value, param)


_CHECKS: dict[str, Callable[[object, str], object]] = {
    "model": _kind(str),
    "modalities": _modalities,
    "instructions": _kind(str),
    "voice": _optional(_voice),
    "input_audio_format": _one_of(("pcm16",)),
    "input_audio_sampling_rate": _one_of(_RATES_HZ),
    "output_audio_format": _one_of(("pcm16",)),
    "input_audio_transcription": _optional(_kind(dict)),
    "turn_detection": _turn_detection,
    "tools": _kind(list),
    "temperature": _optional(_number(0, 2)),
    "max_response_output_tokens": _token_limit,
    "max_output_tokens": _token_limit,
}
