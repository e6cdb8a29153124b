"""Every valid client event, and the events that answer it."""

import asyncio
from typing import Any

import pytest
from azure.ai.voicelive.models import ClientEventType, ServerEventResponseAudioDelta

from tests.service.client import Client, client_of, encoded, message, sample_sentences, talk
from tests.service.conversations import AUTOMATIC, CLOCK, LONG, SHORT, WRITTEN

TEXT_ONLY = WRITTEN | {"modalities": ["text"]}
ANSWER = "Six times seven is forty-two."

HERE = {
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "input_text.delta",
    "input_text.done",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
}
NOT_HERE = {
    "session.avatar.connect": "avatar",
    "output_audio_buffer.clear": "avatar",
    "mcp_approval_response": "MCP",
    "input_audio.turn.start": "input_audio_buffer",
    "input_audio.turn.append": "input_audio_buffer",
    "input_audio.turn.end": "input_audio_buffer",
    "input_audio.turn.cancel": "input_audio_buffer",
    "input_audio.clear": "input_audio_buffer",
}
"""Events of the SDK that are answered by an error, and a word of the error."""


def text_of(client: Client) -> str:
    return str(client.of("response.text.done")[-1]["text"])


def test_every_event_is_listed() -> None:
    assert HERE | NOT_HERE.keys() == {kind.value for kind in ClientEventType}


@pytest.mark.parametrize(("kind", "subject"), NOT_HERE.items())
def test_unsupported_events_are_answered_by_an_error(port: int, kind: str, subject: str) -> None:
    async def send(client: Client) -> None:
        error = await client.error_after(kind, event_id="mine")
        assert (error["code"], error["param"], error["event_id"]) == (
            "not_supported",
            "type",
            "mine",
        )
        assert subject in error["message"]

    talk(port, send, **WRITTEN)


# --- session.update ---


def test_an_update_is_merged_and_echoed(port: int) -> None:
    async def update(client: Client) -> None:
        fields = {
            "instructions": "Be kind.",
            "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
            "output_audio_format": "g711_ulaw",
            "tools": [CLOCK],
        }
        await client.send("session.update", session=fields)
        await client.send("session.update", session={"temperature": 0.7})
        await client.until("session.updated")
        session = (await client.until("session.updated"))["session"]
        assert session | fields | {"temperature": 0.7} == session
        assert session["model"] == "gpt-realtime"
        assert session["turn_detection"]["type"] == "server_vad"

    talk(port, update)


def test_an_unknown_field_brings_a_warning(port: int) -> None:
    async def update(client: Client) -> None:
        await client.send("session.update", session={"turn_detecton": None})
        updated = await client.until("session.updated")
        assert "turn_detecton" not in updated["session"]
        warning = (await client.until("warning"))["warning"]
        assert warning["param"] == "session.turn_detecton"

    talk(port, update)


@pytest.mark.parametrize(
    ("name", "rate_hz", "sample_bytes"),
    [("pcm16", 24_000, 2), ("pcm16_8000hz", 8_000, 2), ("pcm16_44100hz", 44_100, 2),
     ("g711_ulaw", 8_000, 1), ("g711_alaw", 8_000, 1)],
)  # fmt: skip
def test_answers_have_the_requested_format(
    port: int, name: str, rate_hz: int, sample_bytes: int
) -> None:
    """The sound is as long as the word times say, in every format."""

    async def ask(client: Client) -> None:
        await client.ask(SHORT, output_audio_format=name)
        await client.until("response.done")

    client = talk(port, ask, **WRITTEN, output_audio_timestamp_types=["word"])
    deltas = [each for each in client.typed if isinstance(each, ServerEventResponseAudioDelta)]
    size = sum(len(each.delta) for each in deltas)
    length_ms = size / sample_bytes / rate_hz * 1_000
    last = client.of("response.audio_timestamp.delta")[-1]
    assert 0 <= length_ms - last["audio_offset_ms"] - last["audio_duration_ms"] < 1_000
    tokens = client.of("response.done")[0]["response"]["usage"]["output_token_details"]
    assert tokens["audio_tokens"] == pytest.approx(length_ms / 50, abs=1)


# --- conversation.item.* and input_text.* ---


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
        await client.send("conversation.item.retrieve", item_id="two")
        retrieved = await client.until("conversation.item.retrieved")
        assert retrieved["item"]["content"][0]["text"] == "Two"
        await client.send("conversation.item.delete", item_id="two")
        await client.until("conversation.item.deleted")
        await client.error_after("conversation.item.retrieve", item_id="two")

    talk(port, converse, **WRITTEN)


@pytest.mark.parametrize(
    "item",
    [
        message("Hello"),
        {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "Be kind."}],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_audio", "audio": "AAAA", "transcript": "Hello"}],
        },
        {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": ""},
    ],
)
def test_every_kind_of_item_can_be_created(port: int, item: dict[str, Any]) -> None:
    async def create(client: Client) -> None:
        await client.send("conversation.item.create", item=item)
        created = (await client.until("conversation.item.created"))["item"]
        assert created["object"] == "realtime.item"
        assert created["status"] == "completed"
        assert item.keys() <= created.keys()

    talk(port, create, **WRITTEN)


@pytest.mark.usefixtures("recogniser")
def test_a_recorded_message_is_understood(port: int) -> None:
    audio = encoded(sample_sentences()[0].astype("<i2").tobytes())
    content = [{"type": "input_audio", "audio": audio}]

    async def ask(client: Client) -> None:
        item = {"id": "mine", "type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        await client.until("response.done")
        await client.send("conversation.item.retrieve", item_id="mine")
        item = (await client.until("conversation.item.retrieved"))["item"]
        assert "plus" in item["content"][0]["transcript"]
        content[0]["audio"] = "AA=="
        error = await client.error_after(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content[:1]},
        )
        assert (error["code"], error["param"]) == ("invalid_value", "item.content")

    client = talk(port, ask, **TEXT_ONLY)
    assert text_of(client) == "Twelve plus thirty is forty-two."
    usage = client.of("response.done")[0]["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] > 0


def test_streamed_text_is_answered(port: int) -> None:
    async def ask(client: Client) -> None:
        for delta in ("What is ", "6 times 7?"):
            await client.send("input_text.delta", id="mine", delta=delta)
        await client.send("input_text.done", id="mine")
        created = await client.until("conversation.item.created")
        assert created["item"]["content"] == [{"type": "input_text", "text": SHORT}]
        await client.send("response.create")
        await client.until("response.done")

    assert text_of(talk(port, ask, **TEXT_ONLY)) == ANSWER


def test_a_truncation_drops_the_unheard_words(port: int) -> None:
    async def truncate(client: Client) -> None:
        await client.ask(LONG)
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
        assert (far["code"], far["param"]) == ("invalid_value", "audio_end_ms")
        await client.send("conversation.item.truncate", **where, audio_end_ms=length_ms // 2)
        truncated = await client.until("conversation.item.truncated")
        assert truncated["audio_end_ms"] == length_ms // 2
        await client.send("conversation.item.retrieve", item_id=delta["item_id"])
        item = (await client.until("conversation.item.retrieved"))["item"]
        kept = item["content"][0]["transcript"]
        assert whole.startswith(kept)
        assert 0.25 < len(kept) / len(whole) < 0.75

    talk(port, truncate, **WRITTEN)


def test_an_answer_can_be_truncated_while_it_is_sent(port: int) -> None:
    """Sound that is sent after the truncation is not kept."""

    async def truncate(client: Client) -> None:
        await client.ask(LONG)
        for _ in range(6):
            delta = await client.until("response.audio.delta")
        where = {"item_id": delta["item_id"], "content_index": 0}
        await client.send("conversation.item.truncate", **where, audio_end_ms=900)
        await client.until("conversation.item.truncated")
        await client.until("response.audio.delta")
        await client.send("response.cancel")
        await client.until("response.done")
        await client.send("conversation.item.retrieve", item_id=delta["item_id"])
        item = (await client.until("conversation.item.retrieved"))["item"]
        assert len(item["content"][0]["transcript"].split()) < 6

    talk(port, truncate, **WRITTEN)


# --- input_audio_buffer.* ---


def test_a_cleared_buffer_holds_nothing(port: int) -> None:
    async def clear(client: Client) -> None:
        await client.say(sample_sentences()[0])
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        error = await client.error_after("input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"

    talk(port, clear, **WRITTEN)


def test_a_commit_in_the_middle_of_speech_takes_its_item(port: int) -> None:
    async def commit(client: Client) -> None:
        await client.say(sample_sentences()[1][:24_000], quiet_s=0)
        started = await client.until("input_audio_buffer.speech_started")
        await client.send("input_audio_buffer.commit")
        committed = await client.until("input_audio_buffer.committed")
        assert committed["item_id"] == started["item_id"]
        assert not client.of("input_audio_buffer.speech_stopped")

    talk(port, commit, **AUTOMATIC)


def test_channels_are_fixed_after_the_first_sound(port: int) -> None:
    echo = {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}

    async def change(client: Client) -> None:
        await client.send("input_audio_buffer.append", audio=encoded(bytes(4_800)))
        error = await client.error_after(
            "session.update", session={"input_audio_echo_cancellation": None}
        )
        assert error["code"] == "change_in_ec_channels_not_allowed"

    talk(port, change, **WRITTEN, input_audio_echo_cancellation=echo)


# --- response.create and response.cancel ---


def test_a_written_question_is_answered(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.ask(SHORT)
        await client.until("response.done")

    client = talk(port, ask, **WRITTEN)
    assert client.of("response.audio_transcript.done")[0]["transcript"] == ANSWER


def test_overrides_hold_for_one_response(port: int) -> None:
    async def ask(client: Client) -> None:
        overrides = {
            "temperature": 1.1,
            "max_output_tokens": 4_000,
            "metadata": {"topic": "sums"},
            "voice": "alloy",
            "instructions": "Be brief.",
        }
        await client.ask(SHORT, **overrides)
        response = (await client.until("response.done"))["response"]
        assert response["temperature"] == 1.1
        assert response["max_output_tokens"] == 4_000
        assert response["metadata"] == {"topic": "sums"}
        assert response["voice"] == "alloy"
        assert response["status"] == "completed"
        await client.send("response.create")
        response = (await client.until("response.done"))["response"]
        assert response["temperature"] == 0.8
        assert response.get("metadata") is None

    talk(port, ask, **TEXT_ONLY)


@pytest.mark.parametrize("name", ["input", "input_items"])
def test_input_replaces_the_conversation(port: int, name: str) -> None:
    async def ask(client: Client) -> None:
        await client.send("conversation.item.create", item=message("Count to three.", id="count"))
        await client.send("response.create", response={name: [message(SHORT)]})
        await client.until("response.done")
        assert text_of(client) == ANSWER
        reference = {"type": "item_reference", "id": "count"}
        await client.send("response.create", response={name: [message(SHORT), reference]})
        await client.until("response.done")
        assert text_of(client) == "One, two, three."

    talk(port, ask, **TEXT_ONLY)


def test_input_is_appended_to_the_conversation(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.send("response.create", response={"append_input_items": [message(SHORT)]})
        await client.until("response.done")

    client = talk(port, ask, **TEXT_ONLY)
    assert text_of(client) == ANSWER
    assert client.of("conversation.item.created")[0]["item"]["content"][0]["text"] == SHORT


@pytest.mark.parametrize(
    ("choice", "question", "called"),
    [
        ("auto", "What time is it in Tokyo?", ["current_time"]),
        ("auto", "Count to three.", []),
        ("none", "What time is it in Tokyo?", []),
        ("required", "Count to three.", ["current_time"]),
        ("current_time", "Count to three.", ["current_time"]),
        ({"type": "function", "name": "current_time"}, "Count to three.", ["current_time"]),
    ],
)
def test_the_choice_of_tools(port: int, choice: Any, question: str, called: list[str]) -> None:
    async def ask(client: Client) -> None:
        await client.ask(question, tool_choice=choice)
        await client.until("response.done")

    client = talk(port, ask, **TEXT_ONLY, tools=[CLOCK])
    calls = client.of("response.function_call_arguments.done")
    assert [event["name"] for event in calls] == called
    assert bool(client.of("response.text.done")) == (not called)


@pytest.mark.parametrize(("parallel", "calls"), [(True, 2), (False, 1)])
def test_calls_in_parallel(port: int, parallel: bool, calls: int) -> None:
    async def ask(client: Client) -> None:
        await client.ask("What time is it in Paris and in New York?")
        await client.until("response.done")

    client = talk(port, ask, **TEXT_ONLY, tools=[CLOCK], parallel_tool_calls=parallel)
    assert len(client.of("response.function_call_arguments.done")) == calls


def test_a_response_may_cancel_the_one_before(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.ask(LONG)
        await client.until("response.audio.delta")
        await client.ask(SHORT, cancel_previous=True)
        await client.until("response.done")
        await client.until("response.done")

    client = talk(port, ask, **WRITTEN)
    statuses = [event["response"]["status"] for event in client.of("response.done")]
    assert statuses == ["cancelled", "completed"]
    assert client.of("response.audio_transcript.done")[1]["transcript"] == ANSWER


def test_clients_do_not_disturb_each_other(port: int) -> None:
    async def ask(text: str) -> str:
        async with client_of(port, **WRITTEN) as client:
            await client.ask(text)
            await client.until("response.done")
            return str(client.of("response.audio_transcript.done")[0]["transcript"])

    async def ask_both() -> list[str]:
        return list(await asyncio.gather(ask("Count to three."), ask("What is two plus two?")))

    assert asyncio.run(ask_both()) == ["One, two, three.", "Two plus two is four."]
