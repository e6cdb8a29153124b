"""Service events that are wrong in every way: valid ones of every kind, then changed by chance.

The same seed gives the same events. About a third of them stay valid, so that turns, answers and
calls still come about between the wrong ones.
"""

import base64
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from pipeline.bench import events

Event = dict[str, Any]

ODD_TEXTS = (
    *("", " ", "\0", "\n\t\r", "\x1b[2J\x1b]0;x\x07", "\u202e\u2066", "\ud83d", "\ude00\ud83d"),
    *("\U0001f600", "e\u0301" * 50, "\ufeff", "9" * 400, "item_1", "resp_1", "completed"),
    "x" * 9_999,
)  # fmt: skip
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**64), 10**400, 1e308, -0.5, 1e-300)
ODD_VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    {"": None},
    float("nan"),
    float("inf"),
)
NOT_EVENTS = (
    *(b"", b"\0", b"\xff\xfe", b"[", b"{", b"null", b"NaN", b"42", b'"text"', b"[]", b"{}"),
    *(b"[" * 5_000, b'{"a":' * 5_000, b"9" * 5_000, b'{"type": 1}', b'{"type": {}}'),
)


def valid_turn(number: int, random: Random) -> Iterator[Event]:
    """Yield the events of a turn: every kind that the program reads, and some that it does not."""
    user, response, item = (
        make(number) for make in (events.user_item_id, events.response_id, events.item_id)
    )
    part = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    kind = "conversation.item.input_audio_transcription"
    yield {"type": "session.updated", "session": {"id": "sess_1"}}
    yield from map(json.loads, [events.speech_started(user), *events.answer_begins(number)])
    yield {"type": f"{kind}.completed", "item_id": user, "transcript": f"Question {number}?"}
    yield {"type": f"{kind}.failed", "item_id": user, "error": {"code": "c", "message": "m"}}
    for _ in range(random.randrange(4)):
        pcm = bytes(random.choice((2, 480, 4_801, 24_000)))
        delta = base64.b64encode(pcm).decode()
        yield {"type": "response.audio.delta", **part, "delta": delta}
        yield {"type": "response.audio_transcript.delta", **part, "delta": "Some words "}
        yield {"type": "response.text.delta", **part, "delta": "or text. "}
    yield {"type": "response.text.done", **part, "text": "or text."}
    if random.random() < 0.4:
        yield from map(json.loads, events.function_call(number, "echo"))
    code = random.choice(("server_error", "conversation_already_has_active_response", None))
    error = {"type": "t", "code": code, "message": "m", "param": random.choice((None, "item_id"))}
    if random.random() < 0.3:
        yield {"type": "error", "error": error}
    yield {"type": "conversation.item.truncated", **part, "audio_end_ms": 10}
    yield {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "limit": 1}]}
    status = random.choice(("completed", "completed", "cancelled", "incomplete", "failed"))
    yield from map(json.loads, events.answer_ends(number, status, reason="turn_detected"))
    if random.random() < 0.1:
        yield {"type": "session.created", "session": {"id": f"sess_{number}"}}


def mutated_messages(count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` messages, in an order that is changed too."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    sent = 0
    number = 0
    while True:
        number += 1
        turn = list(valid_turn(number, random))
        for index in range(len(turn)):
            if random.random() < 0.1:
                other = random.randrange(len(turn))
                turn[index], turn[other] = turn[other], turn[index]
        for event in turn:
            for message in _messages(event, random):
                if sent == count:
                    return
                sent += 1
                yield message


def _messages(event: Event, random: Random) -> Iterator[bytes]:
    """Yield what an event becomes: nothing, itself, a changed one, or several."""
    chance = random.random()
    if chance < 0.35:
        yield json.dumps(event).encode()
    elif chance < 0.4:
        return
    elif chance < 0.45:
        yield from [json.dumps(event).encode()] * random.randrange(2, 5)
    elif chance < 0.5:
        yield random.choice(NOT_EVENTS)
    elif chance < 0.6:
        yield _damaged(json.dumps(event).encode(), random)
    else:
        yield json.dumps(_mutated(event, random)).encode()


def _damaged(message: bytes, random: Random) -> bytes:
    """Cut the JSON, or change, repeat or insert a byte of it."""
    at = random.randrange(len(message))
    byte = bytes([random.randrange(256)])
    return random.choice(
        (
            message[:at],
            message[at:],
            message[:at] + byte + message[at + 1 :],
            message[:at] + byte + message[at:],
            message[:at] + message[at // 2 :],
        )
    )


def _mutated(event: Event, random: Random) -> Event:
    """Change up to three fields, wherever they lie."""
    event = deepcopy(event)
    for _ in range(random.randrange(1, 4)):
        parent: Any = event
        while True:
            keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
            if not keys:
                break
            key = random.choice(keys)
            if isinstance(parent[key], dict | list) and random.random() < 0.7:
                parent = parent[key]
                continue
            if random.random() < 0.2:
                del parent[key]
            else:
                parent[key] = _odd(parent[key], random)
            break
    return event


def _odd(value: object, random: Random) -> object:
    """Return something else in place of a value."""
    text = random.choice(ODD_TEXTS)
    makers: list[Callable[[], object]] = [
        lambda: text,
        lambda: random.choice(ODD_NUMBERS),
        lambda: random.choice(ODD_VALUES),
        lambda: [value],
        lambda: {"id": value, "type": value},
        lambda: f"{value}_{random.randrange(10)}",  # an id that nothing else has
        lambda: str(value) + text,
    ]
    return random.choice(makers)()
