"""Items of a conversation, words with their sound, streamed text, messages of the wire."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.emulator.conversation.answer_speech import AnswerSpeech
from pipeline.emulator.conversation.history import ConversationHistory
from pipeline.emulator.conversation.items import Item, answer_item, item_from_client
from pipeline.emulator.session.text_input import TextInput
from pipeline.emulator.speech.alignment import DELTA_SAMPLES, aligned, deltas
from pipeline.emulator.wire.events import ClientError, parse
from pipeline.pcm import Samples


def message(text: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **fields}


@pytest.mark.parametrize(
    ("samples", "transcript"),
    [
        (0, ""),
        (50, ""),
        (100, "one "),
        (150, "one two"),
        (200, "one two three "),
        (300, "one two three four"),
    ],
)
def test_words_are_cut_with_the_sound(samples: int, transcript: str) -> None:
    speech = AnswerSpeech([("one ", 100), ("two three ", 100), ("four", 100)])
    speech.truncate(samples)
    assert speech.transcript.rstrip() == transcript.rstrip()
    assert speech.samples == samples


@given(st.lists(st.tuples(st.text(max_size=10), st.integers(0, 100)), max_size=8), st.data())
def test_a_truncation_leaves_a_beginning(
    pieces: list[tuple[str, int]], data: st.DataObject
) -> None:
    speech = AnswerSpeech(list(pieces))
    whole, length = speech.transcript, speech.samples
    at = data.draw(st.integers(0, length))
    speech.truncate(at)
    assert whole.startswith(speech.transcript)
    assert speech.samples == at


def sound_of(length: int) -> Samples:
    """Return a tone between two silences; each silence is a fifth of the whole."""
    tone = np.zeros(length, np.int16)
    tone[length // 5 : length - length // 5] = 1_000
    return tone


@given(st.text(alphabet="ab ", max_size=40), st.integers(0, 5 * DELTA_SAMPLES))
def test_speech_remembers_all_that_was_sent(clause: str, length: int) -> None:
    speech = AnswerSpeech()
    for delta in deltas(clause, sound_of(length)):
        speech.add(delta)
    assert speech.transcript == clause
    assert speech.samples == length


def test_words_share_the_audible_part() -> None:
    words = aligned("One, seventeen. ", sound_of(10_000))
    assert [word.text for word in words] == ["One, ", "seventeen. "]
    assert words[0].start == 2_000
    assert words[0].start + words[0].length == words[1].start
    assert words[1].start + words[1].length == 7_999
    assert words[0].length < words[1].length


def test_a_truncated_answer_does_not_grow() -> None:
    speech = AnswerSpeech()
    first, *rest = deltas("one two three four five six", sound_of(4 * DELTA_SAMPLES))
    speech.add(first)
    speech.truncate(100)
    for delta in rest:
        speech.add(delta)
    assert speech.samples == 100


def test_a_long_conversation_drops_its_oldest_items() -> None:
    conversation = ConversationHistory()
    for number in range(ConversationHistory.MOST_ITEMS + 5):
        conversation.add(answer_item(f"item_{number}"))
    assert len(conversation.items) == ConversationHistory.MOST_ITEMS
    assert conversation.items[0].id == "item_5"


def test_a_large_conversation_drops_its_oldest_items() -> None:
    conversation = ConversationHistory()
    long = "x" * (ConversationHistory.LONGEST_ITEM - 500)
    for number in range(20):
        conversation.add(item_from_client(message(long, id=f"item_{number}")))
    held = sum(len(item.text) for item in conversation.items)
    assert held <= ConversationHistory.MOST_CHARACTERS
    assert conversation.items[-1].id == "item_19"
    with pytest.raises(ClientError, match="may hold"):
        conversation.add(item_from_client(message(long + "x" * 500)))


def test_only_answers_can_be_truncated() -> None:
    conversation = ConversationHistory()
    conversation.add(Item(message("Hello", id="a")))
    with pytest.raises(ClientError, match="Only the sound of an answer"):
        conversation.truncate("a", 0, 0)


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "dream"}, "invalid_value", "item.type"),
        ({"type": "message"}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "king"}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        (message("a") | {"content": "a"}, "invalid_type", "item.content"),
        (message("a") | {"content": ["a"]}, "invalid_type", "item.content[0]"),
        (message("a") | {"content": [{}]}, "missing_required_parameter", "item.content[0].type"),
        (
            message("a") | {"content": [{"type": "input_image"}]},
            "unsupported_content_type",
            "item.content[0].type",
        ),
        (
            message("a") | {"role": "assistant"},
            "unsupported_content_type",
            "item.content[0].type",
        ),
        (
            message("a") | {"content": [{"type": "input_text"}]},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (message("a", id=5), "invalid_type", "item.id"),
        ({"type": "function_call"}, "missing_required_parameter", "item.call_id"),
        (
            {"type": "function_call_output", "call_id": "a"},
            "missing_required_parameter",
            "item.output",
        ),
        (
            {"type": "function_call_output", "call_id": "a", "output": {}},
            "invalid_type",
            "item.output",
        ),
        (
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
            "invalid_value",
            "item.approval_request_id",
        ),
    ],
)
def test_a_wrong_item_is_refused(item: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(ClientError) as error:
        item_from_client(item)
    assert (error.value.code, error.value.param) == (code, param)


def test_text_is_streamed_into_an_item_of_its_own() -> None:
    streamed = TextInput(ConversationHistory())
    for delta in ("What ", "time ", "is it?"):
        streamed.append("a", 0, delta)
    item = streamed.finish("a", 0)
    assert item is not None
    assert (item.id, item.text) == ("a", "What time is it?")


def test_text_is_streamed_into_an_item_that_exists() -> None:
    conversation = ConversationHistory()
    conversation.add(item_from_client(message("What ", id="a")))
    streamed = TextInput(conversation)
    streamed.append("a", 0, "time?")
    assert streamed.finish("a", 0) is None
    assert conversation.find("a", "retrieve").text == "What time?"


def test_text_can_be_streamed_only_into_user_messages() -> None:
    conversation = ConversationHistory()
    conversation.add(answer_item("answer"))
    conversation.add(item_from_client(message("", id="a")))
    streamed = TextInput(conversation)
    for where in (("answer", 0), ("a", 1), ("a", -1), ("new", 1)):
        with pytest.raises(ClientError):
            streamed.append(*where, "text")
    with pytest.raises(ClientError):
        streamed.finish("new", 0)
    with pytest.raises(ClientError, match="may hold"):
        streamed.append("new", 0, "x" * (ConversationHistory.LONGEST_ITEM + 1))
    for number in range(TextInput.MOST_UNFINISHED):
        streamed.append(f"new_{number}", 0, "text")
    with pytest.raises(ClientError, match="Too many"):
        streamed.append("one more", 0, "text")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        '{"a": ' + "[" * 65 + "]" * 65 + "}",
        "[" * 100_000,
        '{"a": ' + "9" * 5_000 + "}",
        b"\xff\xfe\x00",
        b'{"a": "\xff"}',
    ],
)
def test_a_message_that_cannot_be_encoded_is_refused(text: str | bytes) -> None:
    with pytest.raises(ClientError) as error:
        parse(text)
    assert error.value.code == "invalid_json"


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude42"}', b'{"a": "\xf0\x9f\x99\x82"}'])
def test_whole_characters_are_text(text: str | bytes) -> None:
    assert parse(text) == {"a": "\N{SLIGHTLY SMILING FACE}"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_parsed_can_be_sent_back(value: object) -> None:
    try:
        parsed = parse(json.dumps({"value": value}))
    except ClientError:
        return
    json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
