"""One conversation of each kind, held by the unmodified SDK for several tests."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tests.service.client import (
    SERVER_VAD,
    TRANSCRIBED,
    Client,
    client_of,
    message,
    sample_sentences,
)

AUTOMATIC = {"turn_detection": SERVER_VAD, "input_audio_transcription": TRANSCRIBED}
MANUAL = {"turn_detection": None, "input_audio_transcription": TRANSCRIBED}
WRITTEN: dict[str, Any] = {"turn_detection": None}
CLOCK = {
    "type": "function",
    "name": "current_time",
    "description": "Tell the time in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
LONG = "Tell me a long story."
SHORT = "What is 6 times 7?"
INTERRUPTED_AFTER = 6


class Conversation(NamedTuple):
    hold: Callable[[Client], Awaitable[None]]
    session: dict[str, Any]
    model: str = "gpt-realtime"


async def _one_spoken_turn(client: Client) -> None:
    await client.say(sample_sentences()[0])
    await client.until("response.done")


async def _turn_ended_by_hand(client: Client) -> None:
    await client.say(sample_sentences()[0])
    await client.send("input_audio_buffer.commit")
    await client.send("response.create")
    await client.until("response.done")


async def _interrupted(client: Client) -> None:
    _, story, stop = sample_sentences()
    await client.say(story)
    for _ in range(INTERRUPTED_AFTER):
        await client.until("response.audio.delta")
    await client.say(stop)
    await client.until("response.done")
    await client.until("response.done")


async def _cancelled(client: Client) -> None:
    await client.ask(LONG)
    await client.until("response.audio.delta")
    await client.send("response.cancel")
    await client.until("response.done")


async def _short_answer(client: Client) -> None:
    await client.ask(SHORT)
    await client.until("response.done")


async def _long_answer(client: Client) -> None:
    await client.ask(LONG)
    await client.until("response.done")


async def _function(client: Client) -> None:
    await client.ask("What time is it in Tokyo?")
    called = await client.until("response.function_call_arguments.done")
    await client.until("response.done")
    output = {"type": "function_call_output", "call_id": called["call_id"], "output": '"Nine."'}
    await client.send("conversation.item.create", item=output)
    await client.send("response.create")
    await client.until("response.done")


async def _out_of_band(client: Client) -> None:
    await client.ask(LONG)
    await client.until("response.audio.delta")
    aside = {"conversation": "none", "modalities": ["text"], "metadata": {"topic": "aside"}}
    await client.send("response.create", response=aside | {"input": [message(SHORT)]})
    await client.until("response.done")
    await client.send("response.cancel")
    await client.until("response.done")


async def _said_as_given(client: Client) -> None:
    text = {"type": "text", "text": "Welcome back."}
    said = {"type": "message", "role": "assistant", "content": [text]}
    await client.send("response.create", response={"pre_generated_assistant_message": said})
    await client.until("response.done")


async def _items(client: Client) -> None:
    await client.ask(SHORT)
    answer = (await client.until("response.done"))["response"]["output"][0]
    where = {"item_id": answer["id"]}
    await client.send("conversation.item.truncate", **where, content_index=0, audio_end_ms=300)
    await client.until("conversation.item.truncated")
    await client.send("conversation.item.retrieve", **where)
    await client.until("conversation.item.retrieved")
    await client.send("conversation.item.delete", **where)
    await client.until("conversation.item.deleted")
    await client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.cleared")
    await client.send(
        "session.update", session={"avatar": {"character": "lisa", "customized": False}}
    )
    await client.until("warning")
    await client.error_after("conversation.item.retrieve", event_id="mine", **where)


CONVERSATIONS = {
    "realtime": Conversation(_one_spoken_turn, AUTOMATIC),
    "cascaded": Conversation(_one_spoken_turn, AUTOMATIC, model="gpt-4.1"),
    "by hand": Conversation(_turn_ended_by_hand, MANUAL),
    "interrupted": Conversation(_interrupted, AUTOMATIC),
    "cancelled": Conversation(_cancelled, WRITTEN),
    "text": Conversation(_short_answer, WRITTEN | {"modalities": ["text"]}),
    "word times": Conversation(_short_answer, WRITTEN | {"output_audio_timestamp_types": ["word"]}),
    "incomplete": Conversation(_long_answer, WRITTEN | {"max_response_output_tokens": 60}),
    "incomplete text": Conversation(
        _long_answer, WRITTEN | {"modalities": ["text"], "max_response_output_tokens": 12}
    ),
    "function": Conversation(_function, WRITTEN | {"tools": [CLOCK]}),
    "out of band": Conversation(_out_of_band, WRITTEN),
    "said as given": Conversation(_said_as_given, WRITTEN),
    "items": Conversation(_items, WRITTEN),
}
UNINTELLIGIBLE = Conversation(_turn_ended_by_hand, MANUAL)
"""A conversation to hold while recognition fails."""


async def held(port: int, conversation: Conversation) -> Client:
    async with client_of(port, model=conversation.model, **conversation.session) as client:
        await conversation.hold(client)
        return client
