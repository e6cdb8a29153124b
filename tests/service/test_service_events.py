"""Client events one by one: what they are answered with, and what is wrong with bad ones."""

import asyncio
import base64
from typing import Any

import pytest

from tests.service.client import Client, client_of, talk

MANUAL = {"turn_detection": None}
MESSAGE = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Tell me a long story."}],
}


def message(text: str, **fields: object) -> dict[str, Any]:
    return MESSAGE | {"content": [{"type": "input_text", "text": text}], **fields}


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


BAD = [
    ("nonsense", {}, "invalid_value", "type"),
    ("session.update", {}, "missing_required_parameter", "session"),
    ("session.update", {"session": 5}, "invalid_type", "session"),
    *(
        ("session.update", {"session": {name: value}}, code, f"session.{param}")
        for name, value, code, param in [
            ("voice", 5, "invalid_type", "voice"),
            ("temperature", "hot", "invalid_type", "temperature"),
            ("temperature", 9, "invalid_value", "temperature"),
            ("modalities", ["smell"], "invalid_value", "modalities"),
            ("modalities", [], "invalid_value", "modalities"),
            ("input_audio_format", "g711_ulaw", "invalid_value", "input_audio_format"),
            ("input_audio_sampling_rate", 11_025, "invalid_value", "input_audio_sampling_rate"),
            ("turn_detection", {"type": "magic"}, "invalid_value", "turn_detection.type"),
            ("turn_detection", {"threshold": 2}, "invalid_value", "turn_detection.threshold"),
            (
                "turn_detection",
                {"silence_duration_ms": -1},
                "invalid_value",
                "turn_detection.silence_duration_ms",
            ),
            (
                "turn_detection",
                {"create_response": "yes"},
                "invalid_type",
                "turn_detection.create_response",
            ),
        ]
    ),
    ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
    ("input_audio_buffer.append", {"audio": 5}, "invalid_type", "audio"),
    ("input_audio_buffer.append", {"audio": "%%%"}, "invalid_value", "audio"),
    ("input_audio_buffer.append", {"audio": encoded(b"odd")}, "invalid_value", "audio"),
    ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty", None),
    ("response.cancel", {}, "response_cancel_not_active", None),
    ("response.create", {"response": {"modalities": 1}}, "invalid_type", "response.modalities"),
    ("conversation.item.create", {"item": {}}, "missing_required_parameter", "item.type"),
    ("conversation.item.create", {"item": {"type": "dream"}}, "invalid_value", "item.type"),
    (
        "conversation.item.create",
        {"item": MESSAGE | {"content": [{"type": "image"}]}},
        "unsupported_content_type",
        "item.content[0].type",
    ),
    (
        "conversation.item.create",
        {"item": MESSAGE, "previous_item_id": "none_such"},
        "item_create_invalid_previous_item_id",
        "previous_item_id",
    ),
    (
        "conversation.item.retrieve",
        {"item_id": "none_such"},
        "item_retrieve_invalid_item_id",
        "item_id",
    ),
    (
        "conversation.item.delete",
        {"item_id": "none_such"},
        "item_delete_invalid_item_id",
        "item_id",
    ),
    (
        "conversation.item.truncate",
        {"item_id": "none_such", "content_index": 0, "audio_end_ms": 5},
        "item_truncate_invalid_item_id",
        "item_id",
    ),
]


@pytest.mark.parametrize(("kind", "fields", "code", "param"), BAD)
def test_a_bad_event_is_answered_by_an_error(
    port: int, kind: str, fields: dict[str, Any], code: str, param: str | None
) -> None:
    async def err(client: Client) -> None:
        error = await client.error_after(kind, event_id="mine", **fields)
        assert error["code"] == code
        assert error.get("param") == param
        assert error["event_id"] == "mine"
        assert error["message"]
        await client.send("session.update", session={"instructions": "Go on."})
        await client.until("session.updated")  # the session lives

    talk(port, err, **MANUAL)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"type": 1}', "{}", "[" * 100_000])
def test_what_is_no_event_is_answered_by_an_error(port: int, text: str) -> None:
    async def err(client: Client) -> None:
        await client.connection._connection.send_str(text)
        await client.until("error")
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")

    talk(port, err, **MANUAL)


def test_a_refused_update_changes_nothing(port: int) -> None:
    async def update(client: Client) -> None:
        await client.error_after("session.update", session={"instructions": "A", "temperature": 9})
        await client.send("session.update", session={"temperature": 0.7})
        updated = await client.until("session.updated")
        assert updated["session"]["instructions"] == ""
        assert updated["session"]["temperature"] == 0.7

    talk(port, update)


def test_an_update_is_merged_and_echoed(port: int) -> None:
    async def update(client: Client) -> None:
        fields = {"instructions": "Be kind.", "voice": "alloy", "my_own": {"field": 1}}
        await client.send("session.update", session=fields)
        await client.send("session.update", session={"temperature": 0.7})
        await client.until("session.updated")
        session = (await client.until("session.updated"))["session"]
        assert session | fields | {"temperature": 0.7} == session
        assert session["model"] == "gpt-realtime"
        assert session["turn_detection"]["type"] == "server_vad"

    talk(port, update)


def test_items_are_created_found_and_deleted(port: int) -> None:
    async def converse(client: Client) -> None:
        await client.send("conversation.item.create", item=message("One", id="one"))
        await client.send("conversation.item.create", item=message("Three", id="three"))
        await client.send(
            "conversation.item.create", item=message("Two", id="two"), previous_item_id="one"
        )
        await client.send(
            "conversation.item.create", item=message("Zero", id="zero"), previous_item_id="root"
        )
        for _ in range(4):
            await client.until("conversation.item.created")
        before = [event.get("previous_item_id") for event in client.events]
        assert before == [None, "one", "one", None]
        duplicate = await client.error_after(
            "conversation.item.create", item=message("Again", id="one")
        )
        assert duplicate["code"] == "item_create_duplicate_item_id"
        await client.send("conversation.item.retrieve", item_id="two")
        retrieved = await client.until("conversation.item.retrieved")
        assert retrieved["item"]["content"][0]["text"] == "Two"
        await client.send("conversation.item.delete", item_id="two")
        await client.until("conversation.item.deleted")
        await client.error_after("conversation.item.retrieve", item_id="two")

    talk(port, converse, **MANUAL)


def test_a_written_question_is_answered(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.send("conversation.item.create", item=message("What is 6 times 7?"))
        await client.send("response.create")
        await client.until("response.done")

    client = talk(port, ask, **MANUAL)
    answer = client.of("response.audio_transcript.done")[0]["transcript"]
    assert answer == "Six times seven is forty-two."


def test_an_answer_in_text_alone(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.send("conversation.item.create", item=message("What is 6 times 7?"))
        await client.send("response.create", response={"modalities": ["text"]})
        await client.until("response.done")

    client = talk(port, ask, **MANUAL)
    assert not client.of("response.audio.delta")
    assert client.of("response.text.done")[0]["text"] == "Six times seven is forty-two."
    deltas = "".join(event["delta"] for event in client.of("response.text.delta"))
    assert deltas == "Six times seven is forty-two."


def test_one_answer_at_a_time(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.send("conversation.item.create", item=MESSAGE)
        await client.send("response.create")
        error = await client.error_after("response.create")
        assert error["code"] == "conversation_already_has_active_response"
        wrong = await client.error_after("response.cancel", response_id="resp_other")
        assert wrong["code"] == "response_cancel_not_active"
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"]["reason"] == "client_cancelled"
        late = await client.error_after("response.cancel")
        assert late["code"] == "response_cancel_not_active"

    talk(port, ask, **MANUAL)


def test_what_was_not_heard_is_forgotten(port: int) -> None:
    async def truncate(client: Client) -> None:
        await client.send("conversation.item.create", item=MESSAGE)
        await client.send("response.create")
        for _ in range(12):
            delta = await client.until("response.audio.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        whole = done["output"][0]["content"][0]["transcript"]
        where = {"item_id": delta["item_id"], "content_index": 0}
        length_ms = client.answer(done["id"]).size // 24
        far = await client.error_after(
            "conversation.item.truncate", **where, audio_end_ms=length_ms + 1
        )
        assert far["code"] == "invalid_value"
        assert far["param"] == "audio_end_ms"
        await client.send("conversation.item.truncate", **where, audio_end_ms=length_ms // 2)
        truncated = await client.until("conversation.item.truncated")
        assert truncated["audio_end_ms"] == length_ms // 2
        await client.send("conversation.item.retrieve", item_id=delta["item_id"])
        item = (await client.until("conversation.item.retrieved"))["item"]
        kept = item["content"][0]["transcript"]
        assert whole.startswith(kept)
        assert 0.25 < len(kept) / len(whole) < 0.75

    talk(port, truncate, **MANUAL)


def test_clients_do_not_disturb_each_other(port: int) -> None:
    async def ask(text: str) -> str:
        async with client_of(port, **MANUAL) as client:
            await client.send("conversation.item.create", item=message(text))
            await client.send("response.create")
            await client.until("response.done")
            return str(client.of("response.audio_transcript.done")[0]["transcript"])

    async def ask_both() -> list[str]:
        return await asyncio.gather(ask("Count to three."), ask("What is two plus two?"))

    assert asyncio.run(ask_both()) == ["One, two, three.", "Two plus two is four."]
