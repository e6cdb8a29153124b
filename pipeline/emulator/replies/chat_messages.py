"""The request to a chat completions endpoint: a session and its conversation in that format."""

from collections.abc import Iterator
from typing import Any

from pipeline.emulator.replies.source import Prompt
from pipeline.emulator.wire.events import Event

_UNINTELLIGIBLE = "(The user said something that could not be understood.)"


def request_body(model: str, prompt: Prompt) -> Event:
    """Return the JSON body that asks for a streamed answer."""
    settings = prompt.settings
    body: Event = {"model": model, "stream": True, "messages": list(_messages(prompt))}
    if settings.get("temperature") is not None:
        body["temperature"] = settings["temperature"]
    if isinstance(settings.get("max_response_output_tokens"), int):
        body["max_tokens"] = settings["max_response_output_tokens"]
    tools = [_tool(tool) for tool in settings.get("tools") or [] if tool.get("type") == "function"]
    if tools:
        body["tools"] = tools
        body["tool_choice"] = _tool_choice(settings.get("tool_choice") or "auto")
        if settings.get("parallel_tool_calls") is False:
            body["parallel_tool_calls"] = False
    return body


def _messages(prompt: Prompt) -> Iterator[Event]:
    if prompt.settings.get("instructions"):
        yield {"role": "system", "content": prompt.settings["instructions"]}
    outputs = {
        item.wire["call_id"]: item.wire["output"]
        for item in prompt.items
        if item.wire["type"] == "function_call_output"
    }
    calls: list[Event] = []
    for item in prompt.items:
        if item.wire["type"] == "function_call":
            calls.append(item.wire)
        elif item.wire["type"] == "message":
            yield from _called(calls, outputs)
            calls.clear()
            text = item.text or (_UNINTELLIGIBLE if item.is_from_user else "")
            if text:
                yield {"role": item.wire["role"], "content": text}
    yield from _called(calls, outputs)
    if prompt.remark is None:  # models expect a message of the user
        yield {"role": "user", "content": "Hello"}


def _called(calls: list[Event], outputs: dict[str, Any]) -> Iterator[Event]:
    """Yield calls made together and their outputs; leave out calls without output.

    Endpoints refuse a call without output. An interrupted call has none.
    """
    answered = [call for call in calls if call["call_id"] in outputs]
    if answered:
        yield {"role": "assistant", "content": None, "tool_calls": [_call(c) for c in answered]}
    for call in answered:
        yield {"role": "tool", "tool_call_id": call["call_id"], "content": outputs[call["call_id"]]}


def _call(call: Event) -> Event:
    function = {"name": call["name"], "arguments": call.get("arguments") or "{}"}
    return {"id": call["call_id"], "type": "function", "function": function}


def _tool(tool: Event) -> Event:
    parts = ("name", "description", "parameters")
    return {
        "type": "function",
        "function": {part: tool[part] for part in parts if tool.get(part) is not None},
    }


def _tool_choice(choice: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(choice, dict):
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice
