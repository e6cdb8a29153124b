"""Ten thousand random and mutated client events: each is answered, and the session goes on."""

import asyncio
import copy
import gc
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.emulator.session.session import Session
from tests.service.client import (
    GENEROUS_S,
    Client,
    client_of,
    encoded,
    message,
    sample_sentences,
)
from tests.service.conversations import CLOCK, SHORT

BATCH = 25
BATCHES = 160
BATCHES_PER_SESSION = 50
MOST_GROWTH_BYTES = 512 * 1024 * 1024
"""Allowance for models, heaps of threads and Hypothesis; the events themselves need none."""

NOISE = encoded(np.random.default_rng(5).integers(-900, 900, 2_400).astype("<i2").tobytes())
SPEECH = encoded(sample_sentences()[2][:16_000].astype("<i2").tobytes())
IDS = [f"item_{number}" for number in range(4)]
ANSWER = "item_answer"
"""Stands for the id of an answer that was spoken."""
ASIDE = {"conversation": "none", "modalities": ["text"], "input": [message(SHORT)]}
SAID = {
    "pre_generated_assistant_message": {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Well."}],
    }
}

VALID: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"temperature": 0.9}},
    {"type": "session.update", "session": {"turn_detection": {"type": "azure_semantic_vad"}}},
    {"type": "session.update", "session": {"turn_detection": None, "tools": [CLOCK]}},
    {
        "type": "session.update",
        "session": {
            "voice": {"type": "azure-standard", "name": "en-US-AvaNeural", "temperature": 0.5},
            "input_audio_format": "g711_ulaw",
            "input_audio_transcription": {"model": "whisper-1", "phrase_list": ["a"]},
            "output_audio_timestamp_types": ["word"],
            "max_response_output_tokens": 50,
            "metadata": {"a": "b"},
        },
    },
    {"type": "input_audio_buffer.append", "audio": NOISE},
    {"type": "input_audio_buffer.append", "audio": SPEECH},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "input_text.delta", "id": IDS[0], "delta": "What", "content_index": 0},
    {"type": "input_text.done", "id": IDS[0]},
    {"type": "conversation.item.create", "item": message(SHORT, id=IDS[1])},
    {
        "type": "conversation.item.create",
        "item": message("Count to nine."),
        "previous_item_id": IDS[1],
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "{}", "id": IDS[2]},
    },
    {
        "type": "conversation.item.create",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_audio", "audio": NOISE}],
        },
    },
    {"type": "conversation.item.retrieve", "item_id": IDS[1]},
    {
        "type": "conversation.item.truncate",
        "item_id": ANSWER,
        "content_index": 0,
        "audio_end_ms": 9,
    },
    {"type": "conversation.item.delete", "item_id": IDS[2]},
    {"type": "response.create"},
    {"type": "response.create", "response": {"modalities": ["text"], "tool_choice": "required"}},
    {"type": "response.create", "response": ASIDE},
    {"type": "response.create", "response": {"modalities": ["text", "audio"], **SAID}},
    {"type": "response.create", "response": {"cancel_previous": True, "max_output_tokens": 9}},
    {"type": "response.cancel"},
    {"type": "output_audio_buffer.clear"},
    {"type": "mcp_approval_response"},
]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, 5e-324),
    *("", " ", "inf", "auto", "none", "root", "\0", "\N{SLIGHTLY SMILING FACE}", "x" * 20_000),
    *("AAAA", "AAA", "=", "%%%", encoded(b"odd"), "../../etc", "{}", '"', "a\nb", "\u2028"),
    *([], {}, [[]], [None], {"type": None}, {"": ""}, [{"type": "function"}], {"type": "none"}),
    *(*IDS, ANSWER),
]
JUNK: list[str | bytes] = [
    *("", " ", "{", "}", "[]", "null", "0", '"', "\0", "NaN", "{}", '{"type": 1}', '{"a": 1e999}'),
    *('{"type": "\\ud800"}', '{"type": "response.cancel", "event_id": []}', "[" * 5_000),
    *('{"a":' * 200 + "0" + "}" * 200, b"", b"\xff", b"{", b"\x00\x01\x02", b"[1, 2]"),
]
ANSWERED_ONCE = {
    "session.update": "session.updated",
    "input_audio_buffer.clear": "input_audio_buffer.cleared",
    "conversation.item.retrieve": "conversation.item.retrieved",
    "conversation.item.delete": "conversation.item.deleted",
}
ANSWERED = {
    "input_audio_buffer.commit": "input_audio_buffer.committed",
    "conversation.item.create": "conversation.item.created",
    "conversation.item.truncate": "conversation.item.truncated",
}
"""Events that the service also sends without a client event."""
ANSWERED_LATER = {"response.create", "response.cancel"}
TAKEN_SILENTLY = {"input_audio_buffer.append", "input_text.delta", "input_text.done"}

values = st.sampled_from(ODD) | st.integers() | st.text(max_size=4)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    event: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 2))):
        container, key = draw(st.sampled_from(list(_places(event))))
        match draw(st.sampled_from(("drop", "replace", "replace", "nest", "rename", "add"))):
            case "drop":
                del container[key]
            case "replace":
                container[key] = copy.deepcopy(draw(values))
            case "nest":
                container[key] = draw(st.sampled_from(([container[key]], {key: container[key]})))
            case "rename" if isinstance(container, dict):
                container[draw(st.text(max_size=8))] = container.pop(key)
            case _:
                container[key if isinstance(container, list) else "extra"] = copy.deepcopy(
                    draw(values)
                )
        if not event:
            break
    return event


def _places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in an event with each of its keys."""
    keys = list(part) if isinstance(part, dict) else range(len(part))
    for key in keys:
        yield part, key
        if isinstance(part[key], dict | list):
            yield from _places(part[key])


events = st.one_of(st.sampled_from(VALID), mutated(), mutated(), mutated(), st.sampled_from(JUNK))


class Fuzzing:
    """Sends batches in one session after another, and checks that all events are answered."""

    def __init__(self, port: int, runner: asyncio.Runner) -> None:
        self._port = port
        self._runner = runner
        self._session: AbstractAsyncContextManager[Client] | None = None
        self._batches = 0
        self.sent = 0
        self.seen: Counter[str] = Counter()

    def send(self, batch: list[Any]) -> None:
        if self._session is None:
            self._session = client_of(self._port, input_audio_transcription={"model": "whisper-1"})
            self._client = self._runner.run(self._session.__aenter__())
            self._runner.run(self._have_an_answer())
            self._asked = self._created = self._done = 0
        self._runner.run(self._exchange(batch))
        self._batches += 1
        if self._batches % BATCHES_PER_SESSION == 0:
            self.end_session()

    def end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._runner.run(self._let_answers_end())
            self._runner.run(session.__aexit__(None, None, None))

    async def _have_an_answer(self) -> None:
        await self._client.send("response.create", response=SAID)
        done = await self._client.until("response.done")
        self._answer = done["response"]["output"][0]["id"]
        self._client.events.clear()

    async def _exchange(self, batch: list[Any]) -> None:
        socket = self._client.connection._connection
        accepted = {}
        for sent in batch:
            self.sent += 1
            if isinstance(sent, dict):
                accepted[f"sent_{self.sent}"] = sent.get("type")
                text = json.dumps({**sent, "event_id": f"sent_{self.sent}"})
                await socket.send_str(text.replace(ANSWER, self._answer))
            elif isinstance(sent, bytes):
                await socket.send_bytes(sent)
            else:
                await socket.send_str(sent)
        answers = await self._all_answers()
        errors = [event["error"] for event in answers if event["type"] == "error"]
        nameless = [error for error in errors if error.get("event_id") is None]
        assert len(nameless) == sum(not isinstance(sent, dict) for sent in batch)
        for error in errors:
            assert error["type"] == "invalid_request_error"
            if error not in nameless:
                del accepted[error["event_id"]]  # a second error of the same event fails here
        self.seen.update(error["code"] for error in errors)
        self._check_answered(Counter(accepted.values()), answers)

    def _check_answered(self, accepted: Counter[Any], answers: list[dict[str, Any]]) -> None:
        kinds = Counter(event["type"] for event in answers)
        for kind, count in accepted.items():
            if kind in ANSWERED_ONCE:
                assert kinds[ANSWERED_ONCE[kind]] == count
            elif kind in ANSWERED:
                assert kinds[ANSWERED[kind]] >= count
            else:
                assert kind in ANSWERED_LATER | TAKEN_SILENTLY
        self.seen.update(kinds)
        self._asked += accepted["response.create"]

    async def _all_answers(self) -> list[dict[str, Any]]:
        """Send one more event and wait for its answer: events are handled in order."""
        barrier = f"barrier_{self.sent}"
        await self._client.send("conversation.item.retrieve", event_id=barrier, item_id="nowhere")
        await self._client.until("error", lambda event: event["error"].get("event_id") == barrier)
        return self._take()[:-1]

    def _take(self) -> list[dict[str, Any]]:
        answers, self._client.events = self._client.events, []
        self._client.typed.clear()
        self._created += sum(event["type"] == "response.created" for event in answers)
        self._done += sum(event["type"] == "response.done" for event in answers)
        return answers

    async def _let_answers_end(self) -> None:
        """Check that every requested response begins and ends."""
        await self._client.send("session.update", session={"turn_detection": None})
        await self._all_answers()
        while self._done < max(self._created, self._asked):
            await self._client.send("response.cancel")
            await self._client.until("response.done")
            self._take()


def sessions_left() -> int:
    """Return the number of sessions that the service still holds."""
    deadline = time.monotonic() + GENEROUS_S
    while True:
        gc.collect()
        left = sum(type(each) is Session for each in gc.get_objects())
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


# A batch is too long to be shown; without this, that would hide why it failed.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_thousands_of_events(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    memory_bytes = psutil.Process().memory_info().rss
    with asyncio.Runner() as runner:
        fuzzing = Fuzzing(port, runner)

        @settings(
            max_examples=BATCHES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # the session goes on, so no batch can be repeated
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(events, min_size=BATCH, max_size=BATCH))
        def send_all(batch: list[Any]) -> None:
            fuzzing.send(batch)

        send_all()
        fuzzing.end_session()
    assert fuzzing.sent >= BATCH * BATCHES
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert fuzzing.seen.keys() >= {*ANSWERED_ONCE.values(), *ANSWERED.values(), "response.done"}
    assert fuzzing.seen.keys() >= {"invalid_type", "invalid_value", "missing_required_parameter"}
    assert psutil.Process().memory_info().rss - memory_bytes < MOST_GROWTH_BYTES
    assert not sessions_left()
