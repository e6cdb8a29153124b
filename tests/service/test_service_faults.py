"""Each fault on demand, as the unmodified SDK and an ordinary WebSocket client see it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from azure.ai.voicelive.models import ServerEvent

from tests.service.client import KEY, SERVER_VAD, Client, client_of, sample_sentences

MANUAL: dict[str, Any] = {"turn_detection": None}
TEXT: dict[str, Any] = {"modalities": ["text"], **MANUAL}
GENEROUS_S = 60.0


def asked(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def ask(client: Client, text: str) -> dict[str, Any]:
    await client.send("conversation.item.create", item=asked(text))
    await client.send("response.create")
    return await client.until("response.done")


@asynccontextmanager
async def websocket(port: int, **query: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Connect without the SDK, which hides how a connection ended; names with underscores."""
    url = f"http://127.0.0.1:{port}/voice-live/realtime"
    params = {name.replace("_", "-"): value for name, value in query.items()}
    async with (
        asyncio.timeout(GENEROUS_S),
        aiohttp.ClientSession(headers={"api-key": KEY}) as session,
        session.ws_connect(url, params=params) as connection,
    ):
        yield connection


async def events_to_the_end(connection: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    return [json.loads(message.data) async for message in connection]


async def interrupted(port: int, **query: str) -> Client:
    """Ask for the story in real time, and speak while it is sent."""
    query = {"burst": "1", **query}
    async with client_of(port, query=query, turn_detection=SERVER_VAD) as client:
        question, _, _ = sample_sentences()
        await client.send("conversation.item.create", item=asked("Tell me a story"))
        await client.send("response.create")
        await client.until("response.audio.delta")
        await client.say(question, quiet_s=0.0)
        await client.until("response.done")
        return client


def test_late_deltas_follow_an_interruption(port: int) -> None:
    """Late deltas belong to the cancelled answer and come before its end; no others follow."""
    client = asyncio.run(interrupted(port, **{"late-deltas": "3"}))
    kinds = [event["type"] for event in client.events]
    interruption = kinds.index("input_audio_buffer.speech_started")
    late = [kind for kind in kinds[interruption:] if kind == "response.audio.delta"]
    assert len(late) == 3
    assert kinds.index("response.audio.done") == len(kinds) - 1 - kinds[::-1].index(
        "response.audio.done"
    )
    last_delta = len(kinds) - 1 - kinds[::-1].index("response.audio.delta")
    assert last_delta < kinds.index("response.audio.done")
    assert client.of("response.done")[0]["response"]["status"] == "cancelled"


def test_without_the_fault_no_delta_is_late(port: int) -> None:
    kinds = [event["type"] for event in asyncio.run(interrupted(port)).events]
    interruption = kinds.index("input_audio_buffer.speech_started")
    assert "response.audio.delta" not in kinds[interruption:]


def test_answers_are_sent_at_the_wanted_speed(port: int) -> None:
    async def listen() -> tuple[float, float]:
        async with client_of(port, query={"burst": "1"}, **MANUAL) as client:
            start_s = time.monotonic()
            done = await ask(client, "What is six times seven?")
            took_s = time.monotonic() - start_s
            return took_s, client.answer(done["response"]["id"]).size / 24_000

    took_s, sounds_s = asyncio.run(listen())
    assert took_s >= 0.9 * sounds_s > 0


@pytest.mark.parametrize("direction", ["uplink", "downlink"])
def test_events_are_delayed(port: int, direction: str) -> None:
    async def round_trip() -> float:
        query = {f"{direction}-delay-ms": "300", f"{direction}-jitter-ms": "100"}
        async with client_of(port, query=query) as client:
            start_s = time.monotonic()
            for _ in range(5):
                await client.send("conversation.item.retrieve", item_id="none")
            for _ in range(5):
                await client.until("error")
            return time.monotonic() - start_s

    assert asyncio.run(round_trip()) >= 0.3


def test_the_first_token_is_delayed(port: int) -> None:
    async def wait() -> float:
        async with client_of(port, query={"first-token-ms": "400"}, **TEXT) as client:
            start_s = time.monotonic()
            await client.send("response.create")
            await client.until("response.text.delta")
            return time.monotonic() - start_s

    assert asyncio.run(wait()) >= 0.4


def test_an_answer_can_be_cancelled_before_its_first_token(port: int) -> None:
    async def cancel() -> dict[str, Any]:
        async with client_of(port, query={"first-token-ms": "60000"}, **TEXT) as client:
            await client.send("response.create")
            await client.until("response.created")
            await client.send("response.cancel")
            done: dict[str, Any] = (await client.until("response.done"))["response"]
            return done

    assert asyncio.run(cancel())["status"] == "cancelled"


def test_a_stall_holds_everything_back_and_loses_nothing(port: int) -> None:
    async def stall() -> tuple[float, Client]:
        start_s = time.monotonic()
        async with client_of(port, query={"stall-s": "0.8"}, **MANUAL) as client:
            stalled_s = time.monotonic() - start_s
            await ask(client, "Count to five.")
            return stalled_s, client

    stalled_s, client = asyncio.run(stall())
    assert stalled_s >= 0.8
    transcript = client.of("response.audio_transcript.done")[0]["transcript"]
    assert transcript == "One, two, three, four, five."


@pytest.mark.parametrize(
    ("drop", "code"),
    [
        ("close", aiohttp.WSCloseCode.OK),
        ("expire", aiohttp.WSCloseCode.GOING_AWAY),
        ("abort", aiohttp.WSCloseCode.ABNORMAL_CLOSURE),
    ],
)
def test_the_connection_is_dropped(port: int, drop: str, code: int) -> None:
    async def be_dropped() -> tuple[list[dict[str, Any]], int | None]:
        async with websocket(port, drop_after_s="0.2", drop=drop) as connection:
            return await events_to_the_end(connection), connection.close_code

    events, close_code = asyncio.run(be_dropped())
    errors = [event["error"]["code"] for event in events if event["type"] == "error"]
    assert close_code == code
    assert errors == (["session_expired"] if drop == "expire" else [])


@pytest.mark.parametrize("drop", ["close", "expire", "abort"])
def test_a_drop_in_the_middle_of_an_answer(port: int, drop: str) -> None:
    """The SDK's iteration ends; nothing hangs, and the service goes on."""

    async def be_dropped() -> list[str]:
        query = {"drop-after-s": "0.6", "drop": drop, "burst": "1"}
        async with client_of(port, query=query, **MANUAL) as client:
            await client.send("conversation.item.create", item=asked("Tell me a story"))
            await client.send("response.create")
            async with asyncio.timeout(GENEROUS_S):
                return [str(event["type"]) async for event in client.connection]

    kinds = asyncio.run(be_dropped())
    assert "response.created" in kinds
    assert "response.done" not in kinds


async def lifetime_s(port: int, **query: str) -> tuple[float, float]:
    """Return the shortest and the longest lifetime that the session can have."""
    before_s = int(time.time())
    async with websocket(port, **query) as connection:
        created = await connection.receive_json()
        expires_s = float(created["session"]["expires_at"])
        return expires_s - time.time(), expires_s - before_s


def test_a_session_has_a_limit_and_says_when(port: int) -> None:
    async def expire() -> tuple[list[dict[str, Any]], int | None]:
        async with websocket(port, session_limit_s="0.5") as connection:
            assert (await connection.receive_json())["type"] == "session.created"
            return await events_to_the_end(connection), connection.close_code

    events, code = asyncio.run(expire())
    assert [event["error"]["code"] for event in events] == ["session_expired"]
    assert code == aiohttp.WSCloseCode.GOING_AWAY
    shortest_s, longest_s = asyncio.run(lifetime_s(port, session_limit_s="100"))
    assert shortest_s <= 100 <= longest_s


def test_a_session_lasts_half_an_hour_by_default(port: int) -> None:
    shortest_s, longest_s = asyncio.run(lifetime_s(port))
    assert shortest_s <= 30 * 60 <= longest_s


def test_errors_come_again_and_again(port: int) -> None:
    async def be_told() -> None:
        async with client_of(port, query={"error-every-s": "0.05"}, **TEXT) as client:
            for _ in range(3):
                error = (await client.until("error"))["error"]
                assert (error["type"], error["code"]) == ("server_error", "server_error")
            assert (await ask(client, "What is six times seven?"))["response"]["status"] == (
                "completed"
            )

    asyncio.run(be_told())


def test_events_come_twice(port: int) -> None:
    async def repeat() -> list[str]:
        async with websocket(port, duplicate_probability="1") as connection:
            await connection.send_json(
                {"type": "response.create", "response": {"modalities": ["text"]}}
            )
            ids = []
            async for message in connection:
                event = json.loads(message.data)
                ids.append(event["event_id"])
                if event["type"] == "response.done" and len(ids) % 2 == 0:
                    break
            return ids

    ids = asyncio.run(repeat())
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == len(ids) / 2


def test_unknown_events_are_sent(port: int) -> None:
    """The SDK passes them on as plain events."""

    async def meet_them() -> Client:
        async with client_of(port, query={"unknown-probability": "1"}, **TEXT) as client:
            await client.send("response.create")
            await client.until("response.done")
            event = await client.connection.recv()
            assert type(event) is ServerEvent
            return client

    client = asyncio.run(meet_them())
    assert "response.unknown_event" in [event["type"] for event in client.events]


def test_the_same_seed_brings_the_same_faults(port: int) -> None:
    async def listen() -> list[str]:
        query = {"duplicate-probability": "0.3", "unknown-probability": "0.3", "seed": "4"}
        async with client_of(port, query=query, **TEXT) as client:
            await ask(client, "What is six times seven?")
            return [event["type"] for event in client.events]

    assert asyncio.run(listen()) == asyncio.run(listen())


def test_all_faults_at_once(port: int) -> None:
    """A session with all faults still answers."""

    async def suffer() -> Client:
        query = {
            "uplink-delay-ms": "20",
            "uplink-jitter-ms": "30",
            "downlink-delay-ms": "20",
            "downlink-jitter-ms": "30",
            "first-token-ms": "50",
            "late-deltas": "4",
            "error-probability": "0.2",
            "duplicate-probability": "0.2",
            "unknown-probability": "0.2",
            "stall-after-s": "0.5",
            "stall-s": "0.5",
            "seed": "3",
        }
        async with client_of(port, query=query, **MANUAL) as client:
            await ask(client, "Count to five.")
            return client

    client = asyncio.run(suffer())
    unique = {event["event_id"]: event for event in client.events}.values()
    deltas = [e["delta"] for e in unique if e["type"] == "response.audio_transcript.delta"]
    assert "".join(deltas) == "One, two, three, four, five."


def test_what_arrives_keeps_its_order(port: int) -> None:
    async def ask_in_order() -> list[str]:
        query = {"uplink-jitter-ms": "40", "downlink-jitter-ms": "40"}
        async with client_of(port, query=query) as client:
            for number in range(30):
                await client.send("conversation.item.retrieve", item_id="x", event_id=str(number))
            return [(await client.until("error"))["error"]["event_id"] for _ in range(30)]

    numbers = [int(each) for each in asyncio.run(ask_in_order())]
    assert all(one + 1 == next_one for one, next_one in pairwise(numbers))
