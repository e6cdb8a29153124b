"""The service's events as JSON, shaped like recorded ones."""

import base64
import json
from itertools import count
from typing import Any

from pipeline.pcm import Samples

_numbers = count(1)


def event(kind: str, **fields: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return json.dumps({"type": kind, "event_id": f"event_{next(_numbers)}", **fields})


def response_id(number: int) -> str:
    return f"resp_{number}"


def item_id(number: int) -> str:
    return f"item_{number}"


def turn_of_item(item: str) -> int | None:
    """The answer whose item this is; None if it is none of ours."""
    number = item.removeprefix("item_")
    return int(number) if number.isdecimal() else None


def answer_begins(number: int) -> list[str]:
    """All that announces an answer; its sound follows."""
    item = {"id": item_id(number), "type": "message", "role": "assistant", "content": []}
    return [
        event("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id=f"user_{number}"),
        event("input_audio_buffer.committed", item_id=f"user_{number}"),
        event("response.created", response={"id": response_id(number), "status": "in_progress"}),
        event("response.output_item.added", **_of(number), item=item),
        event("conversation.item.created", item=item),
        event("response.content_part.added", **_part(number), part={"type": "audio"}),
    ]


def audio_delta(number: int, samples: Samples) -> str:
    delta = base64.b64encode(samples.tobytes()).decode("ascii")
    return event("response.audio.delta", **_part(number), delta=delta)


def answer_ends(number: int, status: str, **details: str) -> list[str]:
    """All that follows the last delta: every part is said to be done, also after a cancellation."""
    response = {
        "id": response_id(number),
        "status": status,
        "status_details": {"type": status, **details},
    }
    return [
        event("response.audio.done", **_part(number)),
        event("response.audio_transcript.done", **_part(number), transcript=f"Answer {number}"),
        event("response.content_part.done", **_part(number), part={"type": "audio"}),
        event("response.output_item.done", **_of(number), item={"id": item_id(number)}),
        event("response.done", response=response),
    ]


def speech_started(number: int) -> str:
    return event(
        "input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"user_{number + 1}"
    )


def function_call(number: int, name: str, response: int | None = None) -> list[str]:
    """Call `number`: of the function `name`, without arguments, in the midst of an answer.

    :param response: number of the answer; the same as the call's if None.
    """
    call = {"item_id": f"call_item_{number}", "call_id": f"call_{number}", "name": name}
    place = {
        "response_id": response_id(number if response is None else response),
        "output_index": 1,
    }
    item = {**call, "id": call["item_id"], "type": "function_call", "arguments": "{}"}
    del item["item_id"]
    return [
        event("response.output_item.added", **place, item={**item, "arguments": ""}),
        event("conversation.item.created", item=item),
        event("response.function_call_arguments.done", **place, **call, arguments="{}"),
        event("response.output_item.done", **place, item=item),
    ]


def _of(number: int) -> dict[str, object]:
    return {"response_id": response_id(number), "output_index": 0}


def _part(number: int) -> dict[str, object]:
    return {**_of(number), "item_id": item_id(number), "content_index": 0}
