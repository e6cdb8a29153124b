"""The order of events in each kind of turn, and the fields of its responses."""

from itertools import pairwise
from typing import Any

import pytest

from tests.service.client import Client
from tests.service.conversations import INTERRUPTED_AFTER

Conversations = dict[str, Client]

HEARD = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"]
COMMITTED = "input_audio_buffer.committed"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
ITEM = "conversation.item.created"
OPENING = [
    "response.created",
    "response.output_item.added",
    ITEM,
    "response.content_part.added",
    "delta",
]
CLOSING = ["response.content_part.done", "response.output_item.done", "response.done"]
SPOKEN = ["response.audio.done", "response.audio_transcript.done", *CLOSING]
CALL = [
    "response.created",
    "response.output_item.added",
    ITEM,
    "delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.done",
]
ORDERS = {
    # The transcription comes in the middle of the answer …
    "realtime": [*HEARD, COMMITTED, ITEM, *OPENING, TRANSCRIBED, "delta", *SPOKEN],
    # … unless the answer depends on it.
    "cascaded": [*HEARD, COMMITTED, "delta", TRANSCRIBED, ITEM, *OPENING, *SPOKEN],
    "cancelled": [ITEM, *OPENING, *SPOKEN],
    "text": [ITEM, *OPENING, "response.text.done", *CLOSING],
    "word times": [ITEM, *OPENING, "response.audio_timestamp.done", *SPOKEN],
    "incomplete": [ITEM, *OPENING, *SPOKEN],
    "incomplete text": [ITEM, *OPENING, "response.text.done", *CLOSING],
    "function": [ITEM, *CALL, ITEM, *OPENING, *SPOKEN],
    "said as given": [*OPENING, *SPOKEN],
}


def responses(client: Client) -> list[dict[str, Any]]:
    return [event["response"] for event in client.of("response.done")]


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_of_events(conversations: Conversations, name: str) -> None:
    assert conversations[name].order() == ORDERS[name]


def test_the_words_of_a_committed_turn_come_when_recognised(
    conversations: Conversations,
) -> None:
    order = conversations["by hand"].order()
    told = order.index(TRANSCRIBED)
    assert told > order.index(ITEM)
    without = [kind for kind in order if kind not in (TRANSCRIBED, "delta")]
    expected = [COMMITTED, ITEM, *OPENING[:-1], *SPOKEN]
    assert without == expected


def test_a_spoken_turn_is_one_item(conversations: Conversations) -> None:
    for name in ("realtime", "cascaded"):
        client = conversations[name]
        started, stopped = (client.of(kind)[0] for kind in HEARD)
        assert 0 <= started["audio_start_ms"] < stopped["audio_end_ms"]
        item = client.of(ITEM)[0]["item"]
        assert started["item_id"] == stopped["item_id"] == item["id"]
        assert client.of(COMMITTED)[0]["item_id"] == item["id"]
        assert client.of(TRANSCRIBED)[0]["item_id"] == item["id"]


def test_only_a_cascaded_item_comes_with_its_words(conversations: Conversations) -> None:
    words = {
        name: conversations[name].of(ITEM)[0]["item"]["content"][0]["transcript"]
        for name in ("realtime", "cascaded")
    }
    assert words == {"realtime": None, "cascaded": conversations["cascaded"].heard()[0]}


def test_an_interrupted_answer_is_closed_before_the_next_begins(
    conversations: Conversations,
) -> None:
    client = conversations["interrupted"]
    cancelled, answered = responses(client)
    kinds = [event["type"] for event in client.events]
    noticed = len(kinds) - 1 - kinds[::-1].index(HEARD[0])
    done = kinds.index("response.done")
    assert [kind for kind in kinds[noticed:done] if kind in SPOKEN] == SPOKEN[:-1]
    assert all(event.get("response_id") != cancelled["id"] for event in client.events[done:])
    assert cancelled["status"] == "cancelled"
    assert cancelled["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert cancelled["output"][0]["status"] == "incomplete"
    assert answered["status"] == "completed"
    assert "Today is" in answered["output"][0]["content"][0]["transcript"]
    assert len(client.of("response.audio.delta")) > INTERRUPTED_AFTER


def test_a_cancelled_answer_has_a_reason(conversations: Conversations) -> None:
    (cancelled,) = responses(conversations["cancelled"])
    assert cancelled["status"] == "cancelled"
    assert cancelled["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


@pytest.mark.parametrize(("name", "most"), [("incomplete", 60), ("incomplete text", 12)])
def test_an_answer_at_the_token_limit_is_incomplete(
    conversations: Conversations, name: str, most: int
) -> None:
    client = conversations[name]
    (response,) = responses(client)
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["max_output_tokens"] == most
    assert 0.5 * most < response["usage"]["output_tokens"] <= most
    (item,) = response["output"]
    assert item["status"] == "incomplete"
    told = client.of("response.text.delta") + client.of("response.audio_transcript.delta")
    words = item["content"][0].get("text") or item["content"][0]["transcript"]
    assert words == "".join(event["delta"] for event in told) != ""


def test_deltas_join_to_the_text_of_the_done_event(conversations: Conversations) -> None:
    for client in conversations.values():
        for kind, field in [
            ("response.audio_transcript", "transcript"),
            ("response.text", "text"),
            ("response.function_call_arguments", "arguments"),
        ]:
            for done in client.of(f"{kind}.done"):
                deltas = [
                    event["delta"]
                    for event in client.of(f"{kind}.delta")
                    if event["item_id"] == done["item_id"]
                ]
                assert "".join(deltas) == done[field] != ""


def test_an_item_is_the_same_in_all_events(conversations: Conversations) -> None:
    for client in conversations.values():
        for response in responses(client):
            told = [
                event["item"]
                for event in client.of("response.output_item.done")
                if event["response_id"] == response["id"]
            ]
            assert told == response["output"]
            indices = [
                event["output_index"]
                for event in client.of("response.output_item.added")
                if event["response_id"] == response["id"]
            ]
            assert indices == list(range(len(told)))


def test_usage_adds_up(conversations: Conversations) -> None:
    for client in conversations.values():
        for response in responses(client):
            usage = response["usage"]
            asked, given = usage["input_token_details"], usage["output_token_details"]
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
            assert usage["input_tokens"] == asked["text_tokens"] + asked["audio_tokens"]
            assert usage["output_tokens"] == given["text_tokens"] + given["audio_tokens"] > 0
            assert asked["cached_tokens"] == sum(asked["cached_tokens_details"].values())


def test_sound_counts_as_audio_tokens(conversations: Conversations) -> None:
    (spoken,) = responses(conversations["realtime"])
    (written,) = responses(conversations["text"])
    assert spoken["usage"]["input_token_details"]["audio_tokens"] > 0
    assert spoken["usage"]["output_token_details"]["audio_tokens"] > 0
    assert written["usage"]["input_token_details"]["audio_tokens"] == 0
    assert written["usage"]["output_token_details"]["audio_tokens"] == 0


def test_every_word_has_its_time(conversations: Conversations) -> None:
    client = conversations["word times"]
    (response,) = responses(client)
    times = client.of("response.audio_timestamp.delta")
    assert [event["text"] for event in times] == (
        response["output"][0]["content"][0]["transcript"].split()
    )
    spans = [
        (event["audio_offset_ms"], event["audio_offset_ms"] + event["audio_duration_ms"])
        for event in times
    ]
    assert all(start < end for start, end in spans)
    assert all(end <= next_start for (_, end), (next_start, _) in pairwise(spans))
    assert spans[-1][1] <= client.answer(response["id"]).size // 24


def test_a_response_out_of_band_leaves_the_conversation_alone(
    conversations: Conversations,
) -> None:
    """It runs beside the active response, with items of its own."""
    client = conversations["out of band"]
    aside, story = responses(client)
    assert aside["conversation_id"] is None
    assert story["conversation_id"].startswith("conv_")
    assert aside["metadata"] == {"topic": "aside"}
    assert aside["output"][0]["content"][0]["text"] == "Six times seven is forty-two."
    items = [event["item"]["id"] for event in client.of(ITEM)]
    assert aside["output"][0]["id"] not in items
    assert story["output"][0]["id"] in items


def test_a_pre_generated_message_is_spoken_unchanged(conversations: Conversations) -> None:
    client = conversations["said as given"]
    (response,) = responses(client)
    assert response["output"][0]["content"][0]["transcript"] == "Welcome back."
    assert client.answer(response["id"]).size > 24_000 // 4


def test_a_function_is_called_and_its_result_spoken(conversations: Conversations) -> None:
    client = conversations["function"]
    called, told = responses(client)
    (call,) = called["output"]
    assert (call["type"], call["name"], call["status"]) == (
        "function_call",
        "current_time",
        "completed",
    )
    assert call["arguments"] == '{"city": "Tokyo"}'
    assert "Nine" in told["output"][0]["content"][0]["transcript"]
