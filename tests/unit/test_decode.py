"""The service's JSON, as the SDK's models have it, to the conversation's events."""

import base64
import json
from typing import Any

import pytest
from azure.ai.voicelive.models import ServerEvent

from pipeline.network.decode import UnreadableError, read
from pipeline.network.events import (
    AudioBufferCleared,
    AudioDelta,
    AudioDone,
    Event,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    Unhandled,
    UserTranscript,
    WordsDelta,
    WordsDone,
    WordTime,
)

PCM = bytes(range(256)) + b"\x01"
OF_ANSWER = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
CALL = {"response_id": "r1", "item_id": "i1", "output_index": 0, "call_id": "c1"}
TIMED = {"audio_offset_ms": 120, "audio_duration_ms": 90, "timestamp_type": "word"}
ITEM = {"id": "i1", "type": "message", "role": "assistant", "content": []}


def message(kind: str, fields: dict[str, Any]) -> bytes:
    return json.dumps({"event_id": "event_1", "type": kind, **fields}).encode()


def modelled(kind: str, fields: dict[str, Any]) -> bytes:
    """The same as the SDK's model of such an event understands it, and writes it down again."""
    deserialize: Any = ServerEvent._deserialize
    event: ServerEvent = deserialize(json.loads(message(kind, fields)), [])
    assert type(event) is not ServerEvent, "no such event is known to the SDK"
    return json.dumps(event.as_dict()).encode()


def done(**response: Any) -> dict[str, Any]:
    return {"response": {"id": "r1", "object": "realtime.response", **response}}


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("session.created", {"session": {"id": "sess_1", "model": "m"}}, SessionCreated("sess_1")),
        ("session.created", {"session": {"model": "m"}}, SessionCreated("")),
        ("session.updated", {"session": {"id": "sess_1"}}, SessionUpdated()),
        (
            "input_audio_buffer.speech_started",
            {"audio_start_ms": 100, "item_id": "u1"},
            SpeechStarted("u1", 100),
        ),
        (
            "input_audio_buffer.speech_stopped",
            {"audio_end_ms": 900, "item_id": "u1"},
            SpeechStopped("u1", 900),
        ),
        (
            "input_audio_buffer.committed",
            {"previous_item_id": "i0", "item_id": "u1"},
            TurnCommitted("u1"),
        ),
        ("input_audio_buffer.cleared", {}, AudioBufferCleared()),
        (
            "conversation.item.input_audio_transcription.completed",
            {"item_id": "u1", "content_index": 0, "transcript": "Hello. ¿Qué?"},
            UserTranscript("Hello. ¿Qué?", "u1"),
        ),
        (
            "conversation.item.input_audio_transcription.failed",
            {"item_id": "u1", "content_index": 0, "error": {"code": "x", "message": "y"}},
            UserTranscript("", "u1"),
        ),
        ("response.created", done(status="in_progress", output=[]), ResponseCreated("r1")),
        (
            "response.audio.delta",
            {**OF_ANSWER, "delta": base64.b64encode(PCM).decode()},
            AudioDelta("r1", "i1", PCM),
        ),
        ("response.audio.delta", {**OF_ANSWER, "delta": ""}, AudioDelta("r1", "i1", b"")),
        ("response.audio.done", OF_ANSWER, AudioDone("r1", "i1")),
        ("response.audio_transcript.delta", {**OF_ANSWER, "delta": "Hi "}, WordsDelta("r1", "Hi ")),
        ("response.audio_transcript.done", {**OF_ANSWER, "transcript": "Hi"}, WordsDone("r1")),
        (
            "response.text.delta",
            {**OF_ANSWER, "delta": "Hi "},
            WordsDelta("r1", "Hi ", spoken=False),
        ),
        ("response.text.done", {**OF_ANSWER, "text": "Hi"}, WordsDone("r1")),
        (
            "response.audio_timestamp.delta",
            {**OF_ANSWER, **TIMED, "text": "Hi "},
            WordTime("r1", "i1", "Hi", 120),
        ),
        ("response.audio_timestamp.delta", {**OF_ANSWER, "text": "Hi"}, Unhandled()),
        (
            "response.function_call_arguments.done",
            {**CALL, "name": "weather", "arguments": '{"city": "Oslo"}'},
            FunctionCalled("r1", "c1", "weather", '{"city": "Oslo"}'),
        ),
        ("response.done", done(status="completed"), ResponseDone("r1", "completed", "")),
        (
            "response.done",
            done(
                status="cancelled", status_details={"type": "cancelled", "reason": "turn_detected"}
            ),
            ResponseDone("r1", "cancelled", "turn_detected"),
        ),
        (
            "response.done",
            done(
                status="incomplete",
                status_details={"type": "incomplete", "reason": "max_output_tokens"},
            ),
            ResponseDone("r1", "incomplete", "max_output_tokens"),
        ),
        (
            "response.done",
            done(
                status="failed",
                status_details={"type": "failed", "error": {"code": "c", "message": "broke"}},
            ),
            ResponseDone("r1", "failed", "broke"),
        ),
        (
            "response.done",
            done(status="failed", status_details={"type": "failed", "error": {"code": "c"}}),
            ResponseDone("r1", "failed", "c"),
        ),
        (
            "response.done",
            done(status="failed", status_details=None),
            ResponseDone("r1", "failed", ""),
        ),
        ("response.done", done(output=[]), ResponseDone("r1", "completed", "")),
        (
            "error",
            {"error": {"type": "invalid_request_error", "code": "c", "message": "m"}},
            ServiceError("c", "m"),
        ),
        ("error", {"error": {"type": "t", "message": "m"}}, ServiceError("", "m")),
        ("error", {"error": {"type": "t", "code": None, "message": "m"}}, ServiceError("", "m")),
    ],
)
def test_what_an_event_means(kind: str, fields: dict[str, Any], expected: Event) -> None:
    assert read(message(kind, fields)) == (kind, expected)
    assert read(modelled(kind, fields)) == (kind, expected)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("warning", {"warning": {"code": "c", "message": "m"}}),
        ("conversation.item.created", {"previous_item_id": "i0", "item": ITEM}),
        ("conversation.item.retrieved", {"item": ITEM}),
        ("conversation.item.done", {"item": ITEM}),
        (
            "conversation.item.truncated",
            {"item_id": "i1", "content_index": 0, "audio_end_ms": 1_000},
        ),
        ("conversation.item.deleted", {"item_id": "i1"}),
        (
            "conversation.item.input_audio_transcription.delta",
            {"item_id": "u1", "content_index": 0, "delta": "He"},
        ),
        ("response.output_item.added", {"response_id": "r1", "output_index": 0, "item": ITEM}),
        ("response.output_item.done", {"response_id": "r1", "output_index": 0, "item": ITEM}),
        ("response.content_part.added", {**OF_ANSWER, "part": {"type": "audio"}}),
        ("response.content_part.done", {**OF_ANSWER, "part": {"type": "audio"}}),
        ("response.audio_timestamp.done", OF_ANSWER),
        (
            "response.function_call_arguments.delta",
            {**CALL, "delta": '{"ci', "obfuscation": "x7"},
        ),
        ("mcp_list_tools.in_progress", {"item_id": "i1"}),
        ("mcp_list_tools.completed", {"item_id": "i1"}),
        ("mcp_list_tools.failed", {"item_id": "i1"}),
        ("response.mcp_call_arguments.delta", {**OF_ANSWER, "delta": "{"}),
        ("response.mcp_call_arguments.done", {**OF_ANSWER, "arguments": "{}"}),
        ("response.mcp_call.in_progress", {"item_id": "i1", "output_index": 0}),
        ("response.mcp_call.completed", {"item_id": "i1", "output_index": 0}),
        ("response.mcp_call.failed", {"item_id": "i1", "output_index": 0}),
        ("response.web_search_call.searching", {"item_id": "i1", "output_index": 0}),
        ("response.web_search_call.in_progress", {"item_id": "i1", "output_index": 0}),
        ("response.web_search_call.completed", {"item_id": "i1", "output_index": 0}),
        ("rate_limits.updated", {"rate_limits": [{"name": "tokens", "limit": 1}]}),
        ("something.of.next.year", {"anything": [1, {"two": None}]}),
    ],
)
def test_other_events_pass_without_meaning(kind: str, fields: dict[str, Any]) -> None:
    assert read(message(kind, fields)) == (kind, Unhandled())


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (b"\xff", "a message: "),
        (b"{", "a message: "),
        (b"[]", "a message: it is not an object"),
        (b"{}", "a message without 'type'"),
        (b"", "a message: it is empty"),
        (b"\x00\xff", "a message: "),
        (b"[" * 100_000, "a message that is nested too deeply"),
        (b'{"a":' * 100_000, "a message that is nested too deeply"),
        (b"[" * 1_000_000 + b"]" * 1_000_000, "a message that is nested too deeply"),
        (b'{"type": "error", "number": ' + b"9" * 5_000 + b"}", "a message: "),
        (b"NaN", "a message: it is not an object"),
        (b'"text"', "a message: it is not an object"),
        (b'{"type": ["a"]}', "a message: its type is not a text"),
        (b'{"type": null}', "a message: its type is not a text"),
        (b'{"type": 1e999}', "a message: its type is not a text"),
        (b'{"type": "error", "error": []}', "error: its error is not an object"),
        (b'{"type": "session.created", "session": null}', "its session is not an object"),
        (b'{"type": "response.created", "response": 1}', "its response is not an object"),
        (message("response.done", done(status_details="x")), "its status_details is not an object"),
        (b'{"type": "response.audio.done", "item_id": "i"}', "audio.done without 'response_id'"),
        (b'{"type": "response.done", "response": "r1"}', "response.done: "),
        (message("response.audio.done", {**OF_ANSWER, "item_id": {}}), "its item_id is not a text"),
        (message("response.text.delta", {**OF_ANSWER, "delta": 7}), "its delta is not a text"),
        (message("response.audio.delta", {**OF_ANSWER, "delta": None}), "its delta is not a text"),
        (message("response.audio.delta", {**OF_ANSWER, "delta": "A"}), "audio.delta: "),
        (message("response.audio.delta", {**OF_ANSWER, "delta": "no base64"}), "audio.delta: "),
    ],
)
def test_a_message_that_is_not_an_event_is_unreadable(wrong: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableError, match=sentence):
        read(wrong)


def test_half_a_surrogate_pair_is_replaced_but_for_deltas_of_words() -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    said = message(kind, {"item_id": "u\ud83d", "transcript": "\ude00 and \ud83d\ude00"})
    assert read(said) == (kind, UserTranscript("\ufffd and \U0001f600", "u\ufffd"))
    delta = message("response.text.delta", {"response_id": "r\ud83d", "delta": "Hi \ud83d"})
    assert read(delta)[1] == WordsDelta("r\ufffd", "Hi \ud83d", spoken=False)


def test_words_that_are_missing_are_none() -> None:
    empty = message("response.text.delta", {**OF_ANSWER, "delta": None})
    assert read(empty) == ("response.text.delta", WordsDelta("r1", "", spoken=False))
