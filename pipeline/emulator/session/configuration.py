"""The session object: its defaults, its changes, and what its fields mean to this service."""

import time
from typing import Any

from pipeline.emulator.audio.input_formats import InputFormat, input_format
from pipeline.emulator.audio.output_formats import output_format
from pipeline.emulator.responses.options import ResponseOptions
from pipeline.emulator.turns.endpointing import EndpointingRules
from pipeline.emulator.turns.semantics import semantics
from pipeline.emulator.turns.settings import TurnSettings
from pipeline.emulator.wire.checking import validated
from pipeline.emulator.wire.events import ClientError, Event, new_id, shown
from pipeline.emulator.wire.session_fields import (
    RESPONSE,
    SESSION,
    AnswerFields,
    ResponseFields,
    SessionFields,
)

LIFETIME_S = 30 * 60

_SEMANTIC = EndpointingRules(prefix_padding_ms=420, speech_duration_ms=80)
_ENDPOINTING = {
    "server_vad": EndpointingRules(),
    "semantic_vad": _SEMANTIC,
    "azure_semantic_vad": _SEMANTIC,
    "azure_semantic_vad_en": _SEMANTIC,
    "azure_semantic_vad_multilingual": _SEMANTIC,
}
_KEPT = SessionFields.model_fields.keys() - {"type", "max_output_tokens"}
_MODES = ("auto", "none", "required")
_CASCADED = ("gpt-4", "gpt-5", "phi4", "phi-4")
_MAY_BE_OFF = (
    "voice",
    "input_audio_noise_reduction",
    "input_audio_echo_cancellation",
    "input_audio_transcription",
    "turn_detection",
    "animation",
    "avatar",
    "interim_response",
    "reasoning_effort",
    "metadata",
)
"""Fields that null switches off; in other fields null counts as absent."""


class Configuration:
    """The session object of one session.

    Fields without effect in this service, such as noise reduction, are kept and echoed.
    """

    def __init__(self, model: str, lifetime_s: float = LIFETIME_S) -> None:
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
            "output_audio_timestamp_types": [],
            "input_audio_transcription": None,
            "turn_detection": _with_defaults({"type": "server_vad"}),
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
            "expires_at": int(time.time() + lifetime_s),
        }

    @property
    def wire(self) -> Event:
        """A copy of the session object, for an event."""
        return dict(self._session)

    @property
    def is_cascaded(self) -> bool:
        """Whether the session's model is a text model between recognition and synthesis.

        A text model needs the words before it can answer, which changes the order of events.
        """
        model = str(self._session["model"]).lower()
        return model.startswith(_CASCADED) and "realtime" not in model

    @property
    def input_format(self) -> InputFormat:
        return input_format(self._session)

    @property
    def turns(self) -> TurnSettings:
        """What the session says about the user's turns."""
        rules = self._session["turn_detection"]
        return TurnSettings(
            input_format=self.input_format,
            endpointing=None if rules is None else EndpointingRules(**_endpointing_fields(rules)),
            semantics=semantics(rules),
            is_cascaded=self.is_cascaded,
            transcribes=self._session["input_audio_transcription"] is not None,
        )

    @property
    def creates_response(self) -> bool:
        return self._turn_flag("create_response")

    @property
    def interrupts_response(self) -> bool:
        return self._turn_flag("interrupt_response")

    @property
    def auto_truncates(self) -> bool:
        return self._turn_flag("auto_truncate")

    def with_changes(self, given: Event) -> Event:
        """Return the session object as `given` would make it; raise `ClientError`."""
        fields = validated(SESSION, given, "session")
        changes = _changes(fields, self._session, "session")
        if changes.get("model", self._session["model"]) != self._session["model"]:
            raise ClientError(
                "invalid_value", "The model of a session cannot be changed.", "session.model"
            )
        format_before = self._session["input_audio_format"]
        if changes.get("input_audio_format", format_before) != format_before:
            changes.setdefault("input_audio_sampling_rate", None)
        if changes.get("turn_detection"):
            changes["turn_detection"] = _with_defaults(changes["turn_detection"])
        changed = self._session | changes
        return changed | {"input_audio_sampling_rate": input_format(changed).rate_hz}

    def adopt(self, changed: Event) -> None:
        """Adopt a session object that `with_changes` returned."""
        self._session = changed

    def for_response(self, given: Event, additional_instructions: str = "") -> ResponseOptions:
        """Return the options of a response with the overrides `given`; raise `ClientError`."""
        fields = validated(RESPONSE, given, "response")
        settings = self._session | _changes(fields, self._session, "response")
        if additional_instructions:
            settings["instructions"] = f"{settings['instructions']}\n{additional_instructions}"
        items = fields.input if fields.input is not None else fields.input_items
        return ResponseOptions(
            settings,
            metadata=fields.metadata,
            is_out_of_band=fields.conversation == "none" or fields.commit is False,
            cancels_previous=bool(fields.cancel_previous),
            said=_said(fields),
            input=None if items is None else [item.model_dump(exclude_none=True) for item in items],
            appended=tuple(
                item.model_dump(exclude_none=True) for item in fields.append_input_items or ()
            ),
        )

    def _turn_flag(self, name: str) -> bool:
        rules = self._session["turn_detection"]
        return rules is not None and bool(rules[name])


def _changes(fields: AnswerFields, session: Event, at: str) -> Event:
    """Return the changes that `fields` makes to the session object; raise `ClientError`."""
    given = fields.model_dump(exclude_none=True)
    changes = {name: given[name] for name in given if name in _KEPT}
    changes |= dict.fromkeys(fields.model_fields_set.intersection(_MAY_BE_OFF) - given.keys())
    if "max_output_tokens" in given:
        changes["max_response_output_tokens"] = given["max_output_tokens"]
    if changes.get("modalities") == ["audio"]:
        raise ClientError(
            "invalid_value",
            "Invalid modalities: ['audio']. Audio comes with text: ['text', 'audio'].",
            f"{at}.modalities",
        )
    if "output_audio_format" in changes:
        output_format(changes["output_audio_format"], f"{at}.output_audio_format")
    if "tools" in changes and not _is_known(session["tool_choice"], changes["tools"]):
        changes.setdefault("tool_choice", "auto")  # the tool that it named is gone
    if "tool_choice" in changes:
        tools = changes["tools"] if "tools" in changes else session["tools"]
        changes["tool_choice"] = _tool_choice(changes["tool_choice"], tools, f"{at}.tool_choice")
    if changes.get("turn_detection", {}) == {"type": "none"}:
        changes["turn_detection"] = None
    return changes


def _tool_choice(choice: str | Event, tools: list[Event], param: str) -> str | Event:
    if choice in _MODES:
        return choice
    name = choice if isinstance(choice, str) else choice["name"]
    if not _is_known(choice, tools):
        raise ClientError(
            "invalid_value",
            f"Invalid value: {shown(name)}. Supported values are: 'auto', 'none', 'required', "
            "and the name of a function among the tools.",
            param,
        )
    return {"type": "function", "name": name}


def _is_known(choice: str | Event, tools: list[Event]) -> bool:
    """Whether a `tool_choice` is a mode or names one of `tools`."""
    name = choice if isinstance(choice, str) else choice["name"]
    return choice in _MODES or any(tool.get("name") == name for tool in tools)


def _said(fields: ResponseFields) -> str | None:
    message = fields.pre_generated_assistant_message
    if message is None:
        return None
    if len(message.content) != 1:
        param = "response.pre_generated_assistant_message.content"
        raise ClientError("invalid_value", f"Invalid '{param}': one text is expected.", param)
    return message.content[0].text


def _with_defaults(rules: Event) -> Event:
    default = _ENDPOINTING[rules["type"]]
    return {
        **{name: getattr(default, name) for name in EndpointingRules.__slots__},
        "create_response": True,
        "interrupt_response": True,
        "auto_truncate": False,
        **rules,
    }


def _endpointing_fields(rules: Event) -> dict[str, Any]:
    return {name: rules[name] for name in EndpointingRules.__slots__ if name in rules}
