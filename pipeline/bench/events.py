"""Events of the service as JSON texts, shaped like recorded ones.

Those with ids serve any script; those with a number belong to the answer of that number.
"""

import base64
import json
from itertools import count
from typing import Any

from pipeline.pcm import Samples

_numbers = count(1)


def event(kind: str, **fields: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return json.dumps({"type": kind, "event_id": f"event_{next(_numbers)}", **fields})


def speech_started(item: str) -> str:
    return event("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item)


def speech_stopped(item: str) -> str:
    return event("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id=item)


def response_created(response: str) -> str:
    return event("response.created", response={"id": response, "status": "in_progress"})


def audio_delta(response: str, item: str, pcm: bytes) -> str:
    delta = base64.b64encode(pcm).decode("ascii")
    return event("response.audio.delta", **_part(response, item), delta=delta)


def audio_done(response: str, item: str) -> str:
    return event("response.audio.done", **_part(response, item))


def response_done(response: str, status: str, **details: str) -> str:
    """:param details: why the response has this status, such as its ``reason``."""
    return event(
        "response.done",
        response={
            "id": response,
            "status": status,
            "status_details": {"type": status, **details},
        },
    )


def response_id(number: int) -> str:
    return f"resp_{number}"


def item_id(number: int) -> str:
    return f"item_{number}"


def user_item_id(number: int) -> str:
    """Return the id of the utterance that answer `number` answers."""
    return f"user_{number}"


def turn_of_item(item: str) -> int | None:
    """Return the number of the answer with this item; None for any other item."""
    number = item.removeprefix("item_")
    return int(number) if number.isdecimal() else None


def answer_begins(number: int) -> list[str]:
    """Return all events that announce an answer; its audio deltas follow them."""
    response, item = response_id(number), item_id(number)
    message = {"id": item, "type": "message", "role": "assistant", "content": []}
    return [
        speech_stopped(user_item_id(number)),
        event("input_audio_buffer.committed", item_id=user_item_id(number)),
        response_created(response),
        event("response.output_item.added", **_output(response), item=message),
        event("conversation.item.created", item=message),
        event("response.content_part.added", **_part(response, item), part={"type": "audio"}),
    ]


def answer_delta(number: int, samples: Samples) -> str:
    return audio_delta(response_id(number), item_id(number), samples.tobytes())


def answer_ends(number: int, status: str, **details: str) -> list[str]:
    """Return all events after the last delta.

    The service ends every part of an answer, also of a cancelled one.
    """
    response, item = response_id(number), item_id(number)
    part = _part(response, item)
    return [
        audio_done(response, item),
        event("response.audio_transcript.done", **part, transcript=f"Answer {number}"),
        event("response.content_part.done", **part, part={"type": "audio"}),
        event("response.output_item.done", **_output(response), item={"id": item}),
        response_done(response, status, **details),
    ]


def function_call(number: int, name: str, response: int | None = None) -> list[str]:
    """Return the events of call `number`: of the function `name`, without arguments.

    :param response: the answer in which the model calls; answer `number` if None.
    """
    call = {"call_id": f"call_{number}", "name": name, "item_id": f"call_item_{number}"}
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


def _output(response: str) -> dict[str, object]:
    return {"response_id": response, "output_index": 0}


def _part(response: str, item: str) -> dict[str, object]:
    return {**_output(response), "item_id": item, "content_index": 0}
