"""Every error by its code: its fields, and that the session goes on."""

import ast
from pathlib import Path
from typing import Any

import pytest

import pipeline.emulator
from tests.service.client import Client, encoded, message, talk
from tests.service.conversations import CLOCK, LONG, WRITTEN

STEREO = {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}
NOWHERE = {"item_id": "none_such", "content_index": 0, "audio_end_ms": 5}
IMAGE = {"type": "message", "role": "user", "content": [{"type": "input_image"}]}

BAD: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("nonsense", {}, "invalid_value", "type"),
    ("", {}, "invalid_value", "type"),
    ("session.update", {}, "missing_required_parameter", "session"),
    ("session.update", {"session": 5}, "invalid_type", "session"),
    ("session.update", {"session": None}, "invalid_type", "session"),
    ("session.update", {"session": {"voice": 5}}, "invalid_type", "session.voice"),
    ("session.update", {"session": {"temperature": 9}}, "invalid_value", "session.temperature"),
    (
        "session.update",
        {"session": {"tools": [CLOCK] * 129}},
        "array_above_max_length",
        "session.tools",
    ),
    (
        "session.update",
        {"session": {"instructions": "x" * 300_000}},
        "string_above_max_length",
        None,
    ),
    (
        "session.update",
        {"session": {"input_audio_echo_cancellation": STEREO | {"channels": 1}}},
        "invalid_ec_reference_channels",
        "session.input_audio_echo_cancellation.channels",
    ),
    (
        "session.update",
        {"session": {"input_audio_echo_cancellation": STEREO | {"reference_source": "server"}}},
        "invalid_ec_channels_requires_client",
        "session.input_audio_echo_cancellation.reference_source",
    ),
    (
        "session.update",
        {
            "session": {
                "input_audio_format": "g711_ulaw",
                "input_audio_echo_cancellation": STEREO,
            }
        },
        "invalid_ec_channels_format",
        "session.input_audio_format",
    ),
    ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
    ("input_audio_buffer.append", {"audio": 5}, "invalid_type", "audio"),
    ("input_audio_buffer.append", {"audio": "%%%"}, "invalid_value", "audio"),
    ("input_audio_buffer.append", {"audio": "\N{SNOWMAN}"}, "invalid_value", "audio"),
    ("input_audio_buffer.append", {"audio": encoded(b"odd")}, "invalid_value", "audio"),
    (
        "input_audio_buffer.append",
        {"audio": encoded(bytes(15 * 1024 * 1024 + 2))},
        "invalid_value",
        "audio",
    ),
    ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty", None),
    ("input_text.delta", {"id": "a"}, "missing_required_parameter", "delta"),
    ("input_text.delta", {"id": "a", "delta": 5}, "invalid_type", "delta"),
    (
        "input_text.delta",
        {"id": "a", "delta": "a", "content_index": 9},
        "invalid_value",
        "content_index",
    ),
    ("input_text.done", {"id": "none_such"}, "invalid_value", "id"),
    ("response.create", {"response": 5}, "invalid_type", "response"),
    ("response.create", {"response": {"modalities": 1}}, "invalid_type", "response.modalities"),
    ("response.create", {"additional_instructions": 5}, "invalid_type", "additional_instructions"),
    (
        "response.create",
        {"response": {"input": [{"type": "item_reference", "id": "none_such"}]}},
        "item_retrieve_invalid_item_id",
        "item_id",
    ),
    ("response.cancel", {}, "response_cancel_not_active", None),
    ("response.cancel", {"response_id": 5}, "invalid_type", "response_id"),
    ("response.cancel", {"response_id": "none_such"}, "response_cancel_not_active", None),
    ("conversation.item.create", {}, "missing_required_parameter", "item"),
    ("conversation.item.create", {"item": {}}, "missing_required_parameter", "item.type"),
    ("conversation.item.create", {"item": {"type": "dream"}}, "invalid_value", "item.type"),
    (
        "conversation.item.create",
        {"item": IMAGE},
        "unsupported_content_type",
        "item.content[0].type",
    ),
    (
        "conversation.item.create",
        {"item": message("x" * 300_000)},
        "string_above_max_length",
        "item",
    ),
    (
        "conversation.item.create",
        {"item": message("a"), "previous_item_id": 5},
        "invalid_type",
        "previous_item_id",
    ),
    (
        "conversation.item.create",
        {"item": message("a"), "previous_item_id": "none_such"},
        "item_create_invalid_previous_item_id",
        "previous_item_id",
    ),
    ("conversation.item.retrieve", {}, "missing_required_parameter", "item_id"),
    ("conversation.item.retrieve", NOWHERE, "item_retrieve_invalid_item_id", "item_id"),
    ("conversation.item.delete", NOWHERE, "item_delete_invalid_item_id", "item_id"),
    ("conversation.item.truncate", NOWHERE, "item_truncate_invalid_item_id", "item_id"),
    (
        "conversation.item.truncate",
        NOWHERE | {"audio_end_ms": 0.5},
        "invalid_type",
        "audio_end_ms",
    ),
]
ELSEWHERE = {
    "conversation_already_has_active_response": "test_one_answer_at_a_time",
    "item_create_duplicate_item_id": "test_an_item_id_cannot_be_used_twice",
    "invalid_json": "test_a_message_that_is_not_an_event_is_answered_by_an_error",
    "not_supported": "test_conformance_client_events.py",
    "change_in_ec_channels_not_allowed": "test_conformance_client_events.py",
    "input_audio_buffer_full": "a quarter of an hour of sound: tested without a socket",
    "server_error": "a fault of the service itself",
    "session_expired": "test_service_faults.py",
}
"""Codes of errors that need more than one event, and where they are tested."""


def test_every_error_code_is_listed() -> None:
    """The list holds all codes that the sources of the service hold."""
    folder = Path(pipeline.emulator.__file__).parent
    sources = (ast.parse(path.read_text()) for path in folder.rglob("*.py"))
    codes = {code for tree in sources for code in codes_in(tree)}
    ids = {f"item_{verb}_invalid_item_id" for verb in ("retrieve", "delete", "truncate")}
    assert codes | ids <= {code for _, _, code, _ in BAD} | ELSEWHERE.keys()


def codes_in(tree: ast.AST) -> set[str]:
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "ClientError"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


async def still_alive(client: Client) -> None:
    await client.send("session.update", session={"instructions": "Go on."})
    await client.until("session.updated")


@pytest.mark.parametrize(("kind", "fields", "code", "param"), BAD)
def test_a_bad_event_is_answered_by_an_error(
    port: int, kind: str, fields: dict[str, Any], code: str, param: str | None
) -> None:
    async def err(client: Client) -> None:
        error = await client.error_after(kind, event_id="mine", **fields)
        assert (error["code"], error.get("param")) == (code, param)
        assert error["type"] == "invalid_request_error"
        assert error["event_id"] == "mine"
        assert 0 < len(error["message"]) < 1_000
        await still_alive(client)

    talk(port, err, **WRITTEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type": 1}',
        "{}",
        '{"type": "session.update", "session": {"temperature": NaN}}',
        '{"type": "session.update", "session": {"instructions": "\\ud800"}}',
        '{"type": "response.cancel", "event_id": 5}',
        "[" * 100_000,
        '{"type": "session.update", "session": ' + '{"a":' * 500 + "1" + "}" * 501,
        '{"type": "response.cancel", "padding": "' + "x" * 20_000_000 + '"}',
        b"",
        b"\x00\xff\xfe",
        b'{"type": "response.cancel"}',
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_message_that_is_not_an_event_is_answered_by_an_error(
    port: int, text: str | bytes
) -> None:
    """The same holds for an event in a binary frame."""

    async def err(client: Client) -> None:
        socket = client.connection._connection
        await (socket.send_str(text) if isinstance(text, str) else socket.send_bytes(text))
        answer = await client.until("error")
        assert answer["error"]["type"] == "invalid_request_error"
        await still_alive(client)

    talk(port, err, **WRITTEN)


def test_a_refused_update_changes_nothing(port: int) -> None:
    async def update(client: Client) -> None:
        await client.error_after("session.update", session={"instructions": "A", "temperature": 9})
        await client.send("session.update", session={"temperature": 0.7})
        updated = await client.until("session.updated")
        assert updated["session"]["instructions"] == ""
        assert updated["session"]["temperature"] == 0.7

    talk(port, update)


def test_a_refused_response_is_not_begun(port: int) -> None:
    async def create(client: Client) -> None:
        await client.error_after("response.create", response={"temperature": 9})
        await still_alive(client)
        assert not client.of("response.created")

    talk(port, create, **WRITTEN)


def test_an_item_id_cannot_be_used_twice(port: int) -> None:
    async def create(client: Client) -> None:
        await client.send("conversation.item.create", item=message("One", id="one"))
        error = await client.error_after("conversation.item.create", item=message("2", id="one"))
        assert error["code"] == "item_create_duplicate_item_id"

    talk(port, create, **WRITTEN)


def test_one_answer_at_a_time(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.ask(LONG)
        error = await client.error_after("response.create")
        assert error["code"] == "conversation_already_has_active_response"
        wrong = await client.error_after("response.cancel", response_id="resp_other")
        assert wrong["code"] == "response_cancel_not_active"
        await client.send("response.cancel")
        await client.until("response.done")
        late = await client.error_after("response.cancel")
        assert late["code"] == "response_cancel_not_active"

    talk(port, ask, **WRITTEN)


def test_few_answers_at_a_time_out_of_band(port: int) -> None:
    async def ask(client: Client) -> None:
        aside = {"conversation": "none", "input": [message(LONG)]}
        for _ in range(4):
            await client.send("response.create", response=aside)
        error = await client.error_after("response.create", response=aside)
        assert error["code"] == "conversation_already_has_active_response"
        for created in client.of("response.created"):
            await client.send("response.cancel", response_id=created["response"]["id"])
        for _ in range(4):
            await client.until("response.done")
        await still_alive(client)

    talk(port, ask, **WRITTEN)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"content_index": 1, "audio_end_ms": 5}, "content_index"),
        ({"content_index": 0, "audio_end_ms": -1}, "audio_end_ms"),
        ({"content_index": 0, "audio_end_ms": 10**400}, "audio_end_ms"),
    ],
)
def test_only_what_was_sent_can_be_truncated(port: int, fields: dict[str, int], param: str) -> None:
    async def truncate(client: Client) -> None:
        await client.ask("What is two plus two?")
        done = await client.until("response.done")
        item_id = done["response"]["output"][0]["id"]
        error = await client.error_after("conversation.item.truncate", item_id=item_id, **fields)
        assert (error["code"], error["param"]) == ("invalid_value", param)

    talk(port, truncate, **WRITTEN)


def test_a_text_cannot_be_truncated(port: int) -> None:
    async def truncate(client: Client) -> None:
        await client.send("conversation.item.create", item=message("One", id="one"))
        error = await client.error_after(
            "conversation.item.truncate", item_id="one", content_index=0, audio_end_ms=0
        )
        assert (error["code"], error["param"]) == ("invalid_value", "item_id")

    talk(port, truncate, **WRITTEN)
