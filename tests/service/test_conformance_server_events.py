"""Every server event: a conversation that has it, and the fields that the SDK documents."""

import typing
from typing import Any

import pytest
from azure.ai.voicelive import models
from azure.ai.voicelive.models import ServerEvent, ServerEventType

from tests.service.client import Client

SHOWN_BY = {
    "session.created": "realtime",
    "session.updated": "realtime",
    "warning": "items",
    "error": "items",
    "input_audio_buffer.speech_started": "realtime",
    "input_audio_buffer.speech_stopped": "realtime",
    "input_audio_buffer.committed": "realtime",
    "input_audio_buffer.cleared": "items",
    "conversation.item.created": "realtime",
    "conversation.item.retrieved": "items",
    "conversation.item.truncated": "items",
    "conversation.item.deleted": "items",
    "conversation.item.input_audio_transcription.delta": "realtime",
    "conversation.item.input_audio_transcription.completed": "realtime",
    "conversation.item.input_audio_transcription.failed": "unintelligible",
    "response.created": "realtime",
    "response.output_item.added": "realtime",
    "response.content_part.added": "realtime",
    "response.audio_transcript.delta": "realtime",
    "response.audio_transcript.done": "realtime",
    "response.audio.delta": "realtime",
    "response.audio.done": "realtime",
    "response.audio_timestamp.delta": "word times",
    "response.audio_timestamp.done": "word times",
    "response.text.delta": "text",
    "response.text.done": "text",
    "response.function_call_arguments.delta": "function",
    "response.function_call_arguments.done": "function",
    "response.content_part.done": "realtime",
    "response.output_item.done": "realtime",
    "response.done": "realtime",
}

NOT_HERE = {
    "this service has no avatar": [
        "session.avatar.connecting",
        "session.avatar.switch_to_speaking",
        "session.avatar.switch_to_idle",
        "response.video.delta",
        "output_audio_buffer.cleared",
    ],
    "nothing is animated here": [
        "response.animation_blendshapes.delta",
        "response.animation_blendshapes.done",
        "response.animation_viseme.delta",
        "response.animation_viseme.done",
    ],
    "an offline service calls no MCP server": [
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
    ],
    "an offline service searches nothing": [
        "response.web_search_call.searching",
        "response.web_search_call.in_progress",
        "response.web_search_call.completed",
        "response.file_search_call.searching",
        "response.file_search_call.in_progress",
        "response.file_search_call.completed",
        "response.audio_transcript.annotation.added",
    ],
    "this service has no hosted agents": ["response.invocation.delta"],
}
"""Events that the SDK knows and this service never sends, by reason.

`rate_limits.updated`, which the SDK does not know, is not sent either: no rate is limited here.
"""

DOCUMENTED: dict[type, set[str]] = {
    models.ResponseSession: {
        "id",
        "object",
        "expires_at",
        "model",
        "modalities",
        "instructions",
        "voice",
        "input_audio_format",
        "input_audio_sampling_rate",
        "output_audio_format",
        "input_audio_transcription",
        "turn_detection",
        "tools",
        "tool_choice",
        "temperature",
        "max_response_output_tokens",
    },
    models.Response: {
        "id",
        "object",
        "status",
        "status_details",
        "output",
        "usage",
        "conversation_id",
        "voice",
        "modalities",
        "output_audio_format",
        "temperature",
        "max_output_tokens",
    },
    models.ResponseMessageItem: {"id", "object"},
    models.ResponseFunctionCallItem: {"id", "object"},
    models.ServerEventErrorDetails: {"code", "param", "event_id"},
    models.ServerEventConversationItemCreated: {"previous_item_id", "item"},
    models.ServerEventInputAudioBufferCommitted: {"previous_item_id"},
    models.ServerVad: {
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "create_response",
        "interrupt_response",
        "auto_truncate",
    },
}
"""Fields that are optional in the SDK and present in the API reference."""

NULLABLE = {(models.RequestAudioContentPart, "audio")}
JSON_TYPES: dict[Any, Any] = {
    int: int,
    float: (int, float),
    str: str,
    bool: bool,
    list: list,
    dict: dict,
}


def shown(conversations: dict[str, Client], kind: str) -> list[ServerEvent]:
    return [event for event in conversations[SHOWN_BY[kind]].typed if event.type == kind]


def missing(part: Any, at: str) -> list[str]:
    """Return the documented fields that a part of an event lacks or has with another type."""
    kind, faults = type(part), []
    for attribute, annotation in _annotations(kind).items():
        name = kind._attr_to_rest_field[attribute]._rest_name
        optional = type(None) in typing.get_args(annotation)
        value = part.get(name)
        if name not in part:
            if not optional or name in DOCUMENTED.get(kind, set()):
                faults.append(f"{at}.{name} is missing")
        elif value is None:
            if not optional and (kind, name) not in NULLABLE:
                faults.append(f"{at}.{name} is null")
        elif not _is_of(value, annotation):
            faults.append(f"{at}.{name} is {value!r}")
        for index, inner in enumerate(_models(getattr(part, attribute))):
            faults += missing(inner, f"{at}.{name}[{index}]")
    return faults


def _annotations(kind: type) -> dict[str, Any]:
    return {
        name: annotation
        for base in reversed(kind.__mro__)
        if base.__module__ == models.ServerEvent.__module__
        for name, annotation in base.__annotations__.items()
        if name != "__mapping__"
    }


def _is_of(value: object, annotation: Any) -> bool:
    """Whether a JSON value matches an annotation; only plain types are checked."""
    allowed = [each for each in (annotation, *typing.get_args(annotation)) if each in JSON_TYPES]
    if not allowed or len(allowed) < len(_members(annotation)):
        return True
    return any(isinstance(value, JSON_TYPES[each]) for each in allowed)


def _members(annotation: Any) -> list[Any]:
    members = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Union else ()
    return [each for each in members if each is not type(None)] or [annotation]


def _models(value: object) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if hasattr(each, "_attr_to_rest_field")]


def test_every_event_is_listed() -> None:
    elsewhere = [kind for kinds in NOT_HERE.values() for kind in kinds]
    assert len(elsewhere) == len(set(elsewhere))
    assert not set(elsewhere) & set(SHOWN_BY)
    assert set(elsewhere) | set(SHOWN_BY) == {kind.value for kind in ServerEventType}


def test_exactly_the_listed_events_are_sent(conversations: dict[str, Client]) -> None:
    seen = {event.type for client in conversations.values() for event in client.typed}
    assert seen == set(SHOWN_BY)


@pytest.mark.parametrize("kind", SHOWN_BY)
def test_an_event_has_its_documented_fields(conversations: dict[str, Client], kind: str) -> None:
    events = shown(conversations, kind)
    assert events
    assert type(events[0]) is not ServerEvent, "the SDK does not recognise it"
    for event in events:
        assert not missing(event, kind)


def test_every_event_has_all_documented_fields(conversations: dict[str, Client]) -> None:
    for name, client in conversations.items():
        for event in client.typed:
            assert not missing(event, f"{name}: {event.type}")


def test_no_two_events_have_the_same_id(conversations: dict[str, Client]) -> None:
    ids = [str(event.event_id) for client in conversations.values() for event in client.typed]
    assert len(set(ids)) == len(ids)
    assert all(str(each).startswith("event_") for each in ids)


def test_ids_look_like_the_services(conversations: dict[str, Client]) -> None:
    client = conversations["realtime"]
    (done,) = client.of("response.done")
    assert client.opening[0]["session"]["id"].startswith("sess_")
    assert done["response"]["id"].startswith("resp_")
    assert done["response"]["conversation_id"].startswith("conv_")
    assert client.of("input_audio_buffer.committed")[0]["item_id"].startswith("item_")
