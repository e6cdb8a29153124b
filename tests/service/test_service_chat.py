"""Replies of a chat completions endpoint: streaming, history, tools and failures."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.emulator.replies.chat import ChatReplies
from tests.service.chat_endpoint import ChatEndpoint, Script, Stream, serving
from tests.service.client import Client, client_of, sample_sentences
from tests.service.conftest import Running

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SESSION: dict[str, Any] = {"turn_detection": None, "instructions": "Be brief."}
TEXT: dict[str, Any] = {**SESSION, "modalities": ["text"]}
SECRET = "sk-nobody-may-see-this"  # noqa: S105 - made up

Talk = Callable[[Client], Awaitable[None]]


def asked(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def ask(client: Client, text: str) -> dict[str, Any]:
    await client.send("conversation.item.create", item=asked(text))
    await client.send("response.create")
    response: dict[str, Any] = (await client.until("response.done"))["response"]
    return response


@contextmanager
def answered_by(running: Running, url: str, **options: Any) -> Iterator[None]:
    """Let the service of all tests answer by the endpoint at `url` in this context."""

    async def open_replies() -> ChatReplies:
        return await ChatReplies(url, **options).__aenter__()

    rules = running.service._replies
    replies = running.run(open_replies())
    running.service._replies = replies
    try:
        yield
    finally:
        running.service._replies = rules
        running.run(replies.__aexit__())


def hold(
    running: Running,
    talk: Talk,
    *scripts: Script,
    status: int = 200,
    session: dict[str, Any] = TEXT,
    **options: Any,
) -> tuple[Client, ChatEndpoint]:
    """Hold a conversation that the scripts answer."""

    async def converse() -> tuple[Client, ChatEndpoint]:
        async with serving(ChatEndpoint(list(scripts), status)) as endpoint:
            with answered_by(running, endpoint.url, **options):
                async with client_of(running.port, **session) as client:
                    await talk(client)
                    return client, endpoint

    return asyncio.run(converse())


def answer_of(response: dict[str, Any]) -> str:
    part = response["output"][0]["content"][0]
    return str(part.get("text", part.get("transcript")))


def test_words_are_spoken_as_they_arrive(running: Running) -> None:
    """The first clause is spoken before the endpoint sends the rest."""
    first_heard = asyncio.Event()

    async def slowly(stream: Stream) -> None:
        await stream.say("Good", " morning", ",", " dear", finish_reason=None)
        await first_heard.wait()
        await stream.say(" friend", ".")

    async def listen(client: Client) -> None:
        await client.send("conversation.item.create", item=asked("Hello"))
        await client.send("response.create")
        await client.until("response.audio.delta")
        assert client.of("response.audio_transcript.delta")[0]["delta"].startswith("Good")
        first_heard.set()
        assert answer_of((await client.until("response.done"))["response"]) == (
            "Good morning, dear friend."
        )

    hold(running, listen, slowly, session=SESSION)


def test_pieces_of_any_size(running: Running) -> None:
    """Lines, and the bytes of one character, may come in several pieces."""
    text = "Crème brûlée — voilà, 東京!"

    async def piecemeal(stream: Stream) -> None:
        chunk = json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False)
        for byte in f": a comment\r\nevent: x\r\ndata: {chunk}\r\n\r\n".encode():
            await stream.send(bytes([byte]))
            await asyncio.sleep(0)
        await stream.send('data:{"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')

    async def listen(client: Client) -> None:
        assert answer_of(await ask(client, "Hello")) == text

    hold(running, listen, piecemeal)


def test_the_request_to_the_endpoint(running: Running) -> None:
    async def say(stream: Stream) -> None:
        await stream.say("Yes.")

    async def talk(client: Client) -> None:
        await ask(client, "One?")
        await client.send(
            "session.update", session={"temperature": 0.7, "max_response_output_tokens": 50}
        )
        await ask(client, "Two?")

    _, endpoint = hold(running, talk, say, model="m", key=SECRET)
    first, second = endpoint.requests
    assert first["model"] == "m"
    assert first["stream"] is True
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
    ]
    assert "max_tokens" not in first
    assert "tools" not in first
    assert second["messages"][2:] == [
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Two?"},
    ]
    assert second["temperature"] == 0.7
    assert second["max_tokens"] == 50
    assert endpoint.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_without_a_model_the_first_is_taken(running: Running) -> None:
    async def say(stream: Stream) -> None:
        await stream.say("Yes.")

    async def talk(client: Client) -> None:
        await ask(client, "One?")

    _, endpoint = hold(running, talk, say)
    assert endpoint.requests[0]["model"] == "first"


def test_tools_are_called_and_answered(running: Running) -> None:
    async def call(stream: Stream) -> None:
        for name, arguments in (("get_weather", ""), (None, '{"ci'), (None, 'ty": "Paris"}')):
            function = {"arguments": arguments} | ({"name": name} if name else {})
            await stream.chunk(tool_calls=[{"index": 0, "id": "call_x", "function": function}])
        second = {"name": "get_weather", "arguments": '{"city": "Rome"}'}
        await stream.chunk(tool_calls=[{"index": 1, "id": "call_y", "function": second}])
        await stream.chunk(finish_reason="tool_calls")

    async def say(stream: Stream) -> None:
        await stream.say("It", " is", " sunny.")

    async def talk(client: Client) -> None:
        await client.send("session.update", session={"tools": [WEATHER], "tool_choice": "auto"})
        response = await ask(client, "What is the weather in Paris and Rome?")
        calls = client.of("response.function_call_arguments.done")
        assert [json.loads(each["arguments"])["city"] for each in calls] == ["Paris", "Rome"]
        assert [item["type"] for item in response["output"]] == ["function_call"] * 2
        for each in calls:
            output = {"type": "function_call_output", "call_id": each["call_id"], "output": "sunny"}
            await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        assert answer_of((await client.until("response.done"))["response"]) == "It is sunny."

    _, endpoint = hold(running, talk, call, say)
    first, second = endpoint.requests
    function = {key: value for key, value in WEATHER.items() if key != "type"}
    assert first["tools"] == [{"type": "function", "function": function}]
    assert first["tool_choice"] == "auto"
    called, *returned = second["messages"][2:]
    assert called["role"] == "assistant"
    assert [each["function"]["name"] for each in called["tool_calls"]] == ["get_weather"] * 2
    assert [each["role"] for each in returned] == ["tool", "tool"]
    assert [each["tool_call_id"] for each in returned] == [e["id"] for e in called["tool_calls"]]


def test_words_before_a_call(running: Running) -> None:
    async def call(stream: Stream) -> None:
        await stream.say("Let", " me", " look.", finish_reason=None)
        function = {"name": "get_weather", "arguments": "{}"}
        await stream.chunk(tool_calls=[{"index": 0, "function": function}])
        await stream.chunk(finish_reason="tool_calls")

    async def talk(client: Client) -> None:
        await client.send("session.update", session={"tools": [WEATHER]})
        response = await ask(client, "What is the weather?")
        assert response["status"] == "completed"
        assert [item["type"] for item in response["output"]] == ["message", "function_call"]
        added = client.of("response.output_item.added")
        assert [event["output_index"] for event in added] == [0, 1]
        kinds = [event["type"] for event in client.events]
        of_call = kinds.index("response.function_call_arguments.done")
        assert kinds.index("response.output_item.done") < of_call, "one item after the other"

    hold(running, talk, call, session={**SESSION})


def test_half_a_call_is_not_made(running: Running) -> None:
    async def half(stream: Stream) -> None:
        function = {"name": "get_weather", "arguments": '{"city": "Tok'}
        await stream.chunk(tool_calls=[{"index": 0, "function": function}])
        await stream.chunk(finish_reason="length")

    async def talk(client: Client) -> None:
        await client.send("session.update", session={"tools": [WEATHER]})
        response = await ask(client, "What is the weather?")
        assert response["status"] == "incomplete"
        assert not client.of("response.function_call_arguments.done")

    hold(running, talk, half)


def test_every_recording_is_understood_before_the_endpoint_is_asked(running: Running) -> None:
    async def say(stream: Stream) -> None:
        await stream.say("Yes.")

    async def talk(client: Client) -> None:
        await client.say(sample_sentences()[0])
        await client.send("input_audio_buffer.commit")
        await ask(client, "One?")

    session = {**TEXT, "turn_detection": None}
    _, endpoint = hold(running, talk, say, session=session)
    _, spoken, written = endpoint.requests[0]["messages"]
    assert "plus" in spoken["content"]
    assert written["content"] == "One?"


def test_a_cancelled_answer_closes_the_stream(running: Running) -> None:
    gone: list[ChatEndpoint] = []

    async def converse() -> None:
        async def forever(stream: Stream) -> None:
            while True:
                await stream.chunk(content="and so on, ")
                await asyncio.sleep(0.01)

        async with serving(ChatEndpoint([forever])) as endpoint:
            gone.append(endpoint)
            with answered_by(running, endpoint.url):
                async with client_of(running.port, **TEXT) as client:
                    await client.send("response.create")
                    await client.until("response.text.delta")
                    await client.send("response.cancel")
                    done = await client.until("response.done")
                    assert done["response"]["status"] == "cancelled"
                    async with asyncio.timeout(30):
                        await endpoint.left.wait()

    asyncio.run(converse())


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_answer_that_was_cut(running: Running, finish_reason: str, reason: str) -> None:
    async def cut(stream: Stream) -> None:
        await stream.say("It", " is", finish_reason=finish_reason)

    async def talk(client: Client) -> None:
        response = await ask(client, "Tell me.")
        assert response["status"] == "incomplete"
        assert response["status_details"]["reason"] == reason
        assert answer_of(response) == "It is"

    hold(running, talk, cut)


async def fails_with(client: Client, code: str) -> None:
    """The response fails, and the session goes on."""
    response = await ask(client, "Tell me.")
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["type"] == "server_error"
    assert response["status_details"]["error"]["code"] == code
    assert SECRET not in json.dumps(client.events)
    await client.send("session.update", session={})
    await client.until("session.updated")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "reply_endpoint_unauthorized"),
        (403, "reply_endpoint_unauthorized"),
        (307, "reply_endpoint_error"),
        (404, "reply_endpoint_error"),
        (500, "reply_endpoint_error"),
    ],
)
def test_a_refusal_fails_the_response(running: Running, status: int, code: str) -> None:
    async def talk(client: Client) -> None:
        await fails_with(client, code)

    async def nothing(_: Stream) -> None:
        pass

    hold(running, talk, nothing, status=status, model="m", key=SECRET)


async def aborted(stream: Stream) -> None:
    await stream.say("It", " is", finish_reason=None)
    stream.abort()


async def ended_early(stream: Stream) -> None:
    await stream.say("It", " is", finish_reason=None)


async def no_json(stream: Stream) -> None:
    await stream.send("data: {]\n\n")


async def no_object(stream: Stream) -> None:
    await stream.send("data: [7]\n\n")


async def no_text(stream: Stream) -> None:
    await stream.send(b"data: \xff\xfe\n\n")


@pytest.mark.parametrize("script", [aborted, ended_early, no_json, no_object, no_text])
def test_a_broken_stream_fails_the_response(running: Running, script: Script) -> None:
    async def talk(client: Client) -> None:
        await fails_with(client, "reply_stream_broken")

    hold(running, talk, script, model="m")


def test_an_error_in_the_stream_fails_the_response(running: Running) -> None:
    async def error(stream: Stream) -> None:
        await stream.send('data: {"error": {"message": "overloaded"}}\n\n')

    async def talk(client: Client) -> None:
        await fails_with(client, "reply_endpoint_error")

    hold(running, talk, error, model="m")


def test_a_silent_endpoint_fails_the_response(running: Running) -> None:
    async def silent(_: Stream) -> None:
        await asyncio.Event().wait()

    async def talk(client: Client) -> None:
        await fails_with(client, "reply_endpoint_timeout")

    hold(running, talk, silent, model="m", silence_s=0.2)


@pytest.mark.parametrize("model", ["m", None])
def test_an_unreachable_endpoint_fails_the_response(running: Running, model: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def talk() -> None:
        async with client_of(running.port, **TEXT) as client:
            await fails_with(client, "reply_endpoint_unreachable")

    with answered_by(running, f"http://127.0.0.1:{port}/v1", model=model):
        asyncio.run(talk())


def test_words_before_a_break_are_spoken(running: Running) -> None:
    """Speech that was made is sent before the response fails."""

    async def say_and_abort(stream: Stream) -> None:
        await stream.say("First this,", " then", finish_reason=None)
        await asyncio.sleep(0.1)
        stream.abort()

    async def talk(client: Client) -> None:
        response = await ask(client, "Tell me.")
        assert response["status"] == "failed"
        assert answer_of(response).startswith("First this,")
        assert client.answer(response["id"]).size > 0

    hold(running, talk, say_and_abort, session=SESSION)
