"""Events that arrive while something else is under way."""

import asyncio
from typing import Any

import numpy as np
import pytest

from tests.service.client import (
    TRANSCRIBED,
    Client,
    Samples,
    encoded,
    message,
    sample_sentences,
    talk,
)
from tests.service.conftest import Running, cannot_recognise

SPOKEN = {"input_audio_transcription": TRANSCRIBED}
BY_HAND = {"turn_detection": None, "modalities": ["text"]}
QUIET = np.zeros(24_000, np.int16)
SUM = "forty-two"


def recorded(samples: Samples) -> dict[str, Any]:
    """A user's message that is a recording."""
    sound = {"type": "input_audio", "audio": encoded(samples.astype("<i2").tobytes())}
    return {"type": "message", "role": "user", "content": [sound]}


def said(client: Client) -> str:
    """Return what the latest response said."""
    (part,) = client.of("response.done")[-1]["response"]["output"][0]["content"]
    return str(part.get("text", part.get("transcript")))


def test_speech_replaces_an_answer_that_has_not_begun(port: int) -> None:
    async def speak_thrice(client: Client) -> None:
        addition, story, stop = sample_sentences()
        await client.say(np.concatenate([addition, QUIET, story, QUIET, stop]), quiet_s=0)
        for _ in range(3):
            await client.until("input_audio_buffer.speech_started")
        await client.until("response.done")
        await client.send("conversation.item.create", item=message("Just a note."))
        await client.until("conversation.item.created", lambda e: "Just" in str(e))

    client = talk(port, speak_thrice, **SPOKEN)
    assert client.of("response.done")[0]["response"]["status"] == "cancelled"
    assert len(client.of("response.created")) == 1, "the user still speaks"


def test_a_cancelled_request_for_an_answer_is_reported(port: int) -> None:
    async def change_mind(client: Client) -> None:
        await client.ask("Tell me a long story.")
        await client.until("response.audio.delta")
        await client.send("response.create", response={"cancel_previous": True})
        await client.send("response.cancel")
        await client.until("response.done")
        await client.until("response.done")

    client = talk(port, change_mind)
    assert [e["response"]["status"] for e in client.of("response.done")] == ["cancelled"] * 2
    assert not client.of("error")


def test_recordings_within_a_response_are_understood(port: int) -> None:
    async def ask(client: Client) -> None:
        addition = recorded(sample_sentences()[0])
        for where in ("input", "append_input_items"):
            await client.send("response.create", response={where: [addition]})
            await client.until("response.done")
            assert SUM in said(client).lower()
        broken = {**addition, "content": [{"type": "input_audio", "audio": "%%%"}]}
        error = await client.error_after("response.create", response={"input": [broken]})
        assert error["param"] == "item.content"

    talk(port, ask, **BY_HAND)


def test_items_are_appended_all_or_none(port: int) -> None:
    async def ask(client: Client) -> None:
        twins = [{**message("Hello."), "id": "item_twin"} for _ in range(2)]
        error = await client.error_after("response.create", response={"append_input_items": twins})
        assert error["code"] == "item_create_duplicate_item_id"
        await client.error_after("conversation.item.retrieve", item_id="item_twin")

    client = talk(port, ask, **BY_HAND)
    assert not client.of("conversation.item.created")


def test_a_recognition_failure_is_reported_once(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(client: Client) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(running.service._engine, "transcribe", cannot_recognise)
            item = recorded(sample_sentences()[0])
            await client.send("conversation.item.create", item=item)
            await client.send("response.create")
            await client.until("response.done")
        assert "cannot recognise words" in said(client)
        await client.ask("What is nine times five?")
        await client.until("response.done")
        assert "forty-five" in said(client).lower()

    talk(running.port, ask, **BY_HAND)


def test_an_item_with_the_id_of_a_running_turn_is_reported_once(port: int) -> None:
    async def collide(client: Client) -> None:
        addition = sample_sentences()[0]
        await client.say(addition, quiet_s=0)
        taken = (await client.until("input_audio_buffer.speech_started"))["item_id"]
        await client.send("conversation.item.create", item=message("I am first.", id=taken))
        await client.say(QUIET)
        error = (await client.until("error"))["error"]
        assert error["code"] == "item_create_duplicate_item_id"
        await client.send("session.update", session={"instructions": "Be kind."})
        await client.until("session.updated")

    assert len(talk(port, collide).of("error")) == 1


def test_an_update_keeps_the_rate_of_a_format_that_stays(port: int) -> None:
    async def update(client: Client) -> None:
        for session in (
            {"input_audio_format": "pcm16", "input_audio_sampling_rate": 16_000},
            {"input_audio_format": "pcm16", "instructions": "Be kind."},
        ):
            await client.send("session.update", session=session)
            updated = await client.until("session.updated")
            assert updated["session"]["input_audio_sampling_rate"] == 16_000

    talk(port, update)


def test_a_choice_goes_with_its_tool(port: int) -> None:
    async def update(client: Client) -> None:
        first, second = ({"type": "function", "name": name} for name in ("first", "second"))
        chosen = {"tools": [first], "tool_choice": {"type": "function", "name": "first"}}
        await client.send("session.update", session=chosen)
        await client.until("session.updated")
        await client.send("session.update", session={"tools": [second]})
        updated = await client.until("session.updated")
        assert updated["session"]["tool_choice"] == "auto"

    talk(port, update)


def test_a_transcript_does_not_wait_for_an_answer_in_text_to_end(port: int) -> None:
    async def ask(client: Client) -> None:
        await client.say(sample_sentences()[1])
        await client.until("response.done")

    order = talk(port, ask, modalities=["text"], **SPOKEN).order()
    words = order.index("conversation.item.input_audio_transcription.completed")
    assert words < order.index("response.text.done")


@pytest.mark.parametrize("header", [b"api-key: \xff\xfe", b"Authorization: Bearer \xff"])
def test_bytes_that_are_not_text_are_not_a_key(port: int, header: bytes) -> None:
    async def request() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /voice-live/realtime HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line

    assert b" 401 " in asyncio.run(request())
