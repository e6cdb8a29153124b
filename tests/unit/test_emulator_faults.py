"""Faults on demand: their values, and what they do to messages, without a socket."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.settings import options
from pipeline.emulator.server.delayed_queue import DelayedQueue
from pipeline.emulator.server.fault_injection import FaultInjector, LinkDelay, downlink
from pipeline.emulator.server.faults import Faults, faults_table, from_flags, from_query
from pipeline.emulator.wire.events import Event
from pipeline.errors import SettingsError

MANUAL = Path(__file__).parents[2] / "docs" / "offline-service.md"
STARTED = "input_audio_buffer.speech_started"
DELTA = "response.audio.delta"
DONE = "response.audio.done"


def sent(faults: Faults, *kinds: str) -> list[str]:
    """Number the events; return type and number of each message, in order."""
    injector = FaultInjector(faults)
    messages = []
    for number, kind in enumerate(kinds):
        for message in injector.messages({"type": kind, "number": number}):
            event = json.loads(message.text)
            assert event["type"] == message.kind
            messages.append(f"{event['type'].split('.')[-1]} {event.get('number', '')}".strip())
    return messages


def test_the_readme_lists_every_fault() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    listed = text.split("<!-- faults -->\n")[1].split("\n<!-- /faults -->")[0]
    assert listed == faults_table()


def test_a_query_overrides_the_flags() -> None:
    base = from_flags({"late_deltas": "2", "seed": "5", "burst": None})
    assert base == Faults(late_deltas=2, seed=5)
    asked = from_query({"late-deltas": "3", "drop": "abort", "model": "m"}, base)
    assert asked == Faults(late_deltas=3, seed=5, drop="abort")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("late-deltas", "many", "late-deltas is 'many', expected a whole number from 0 to 100."),
        ("late-deltas", "101", "late-deltas is 101, expected a whole number from 0 to 100."),
        ("duplicate-probability", "1.5", "from 0 to 1"),
        ("duplicate-probability", "nan", "from 0 to 1"),
        ("stall-s", "-1", "from 0 to"),
        ("drop", "abrot", "did you mean abort?"),
        ("seed", "", "seed is empty"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as from_client:
        from_query({name: value}, Faults())
    assert sentence in str(from_client.value)
    with pytest.raises(SettingsError) as typed:
        from_flags({name.replace("-", "_"): value})
    assert str(typed.value).startswith(f"--{name}")


def test_there_are_no_faults_by_default() -> None:
    given_kinds = [STARTED, DELTA, DELTA, DONE, "response.done"]
    assert len(sent(Faults(), *given_kinds)) == len(given_kinds)
    assert downlink(Faults(), 5.0).arrival_s(7.0) == 7.0


def test_an_interruption_overtakes_the_newest_deltas() -> None:
    transcript = "response.audio_transcript.delta"
    kinds = [DELTA, transcript, DELTA, DELTA, STARTED, DONE, DELTA, DONE]
    assert sent(Faults(late_deltas=2), *kinds) == [
        "delta 0",
        "delta 1",
        "speech_started 4",
        "delta 2",
        "delta 3",
        "done 5",
        "delta 6",
        "done 7",
    ]


def test_an_interruption_between_answers_overtakes_nothing() -> None:
    kinds = [DELTA, DONE, STARTED, DELTA, DONE]
    messages = sent(Faults(late_deltas=9), *kinds)
    assert messages == ["delta 0", "done 1", "speech_started 2", "delta 3", "done 4"]


KINDS = st.lists(st.sampled_from([DELTA, DONE, STARTED, "response.text.delta", "error"]))


@given(KINDS, st.integers(0, 4))
def test_late_deltas_lose_nothing_and_keep_their_order(kinds: list[str], late: int) -> None:
    messages = [each.split() for each in sent(Faults(late_deltas=late), *kinds, DONE)]
    interruptions = [int(number) for kind, number in messages if kind == "speech_started"]
    others = [int(number) for kind, number in messages if kind != "speech_started"]
    assert interruptions == sorted(interruptions)
    assert others == sorted(others)
    assert sorted(interruptions + others) == list(range(len(kinds) + 1))


def test_events_are_duplicated_and_strange_ones_added() -> None:
    certain = Faults(duplicate_probability=1, error_probability=1, unknown_probability=1)
    assert sent(certain, "a", "b") == [
        *("a 0", "a 0", "error", "unknown_event"),
        *("b 1", "b 1", "error", "unknown_event"),
    ]


@given(st.integers(0, 2**32 - 1))
def test_the_same_seed_means_the_same_faults(seed: int) -> None:
    faults = Faults(
        duplicate_probability=0.3, error_probability=0.3, downlink_jitter_ms=50, seed=seed
    )
    assert sent(faults, *"abcdefgh") == sent(faults, *"abcdefgh")
    one, other = downlink(faults, 0.0), downlink(faults, 0.0)
    assert [one.arrival_s(float(at)) for at in range(9)] == [
        other.arrival_s(float(at)) for at in range(9)
    ]


def test_other_seeds_mean_other_faults() -> None:
    messages = {
        tuple(sent(Faults(duplicate_probability=0.5, seed=n), *"abcdefgh")) for n in range(9)
    }
    assert len(messages) > 1


def test_one_fault_does_not_change_when_another_happens() -> None:
    alone = sent(Faults(duplicate_probability=0.5), *"abcdefgh")
    both = sent(Faults(duplicate_probability=0.5, unknown_probability=0.5), *"abcdefgh")
    assert alone == [each for each in both if each != "unknown_event"]


@given(
    st.lists(st.floats(0, 0.1), max_size=30),
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(),
)
def test_messages_arrive_in_order_within_delay_and_jitter(
    gaps_s: list[float], delay_ms: int, jitter_ms: int, seed: int
) -> None:
    link_delay = LinkDelay(delay_ms, jitter_ms, abs(seed))
    now_s = last_s = 100.0
    for gap_s in gaps_s:
        now_s += gap_s
        at_s = link_delay.arrival_s(now_s)
        assert at_s >= max(last_s, now_s + delay_ms / 1_000)
        assert at_s <= max(last_s, now_s + (delay_ms + jitter_ms) / 1_000)
        last_s = at_s


def test_nothing_arrives_in_a_stall() -> None:
    link_delay = downlink(Faults(stall_after_s=2, stall_s=3), 10.0)
    assert [link_delay.arrival_s(at) for at in (11.9, 12.0, 13.0, 15.0)] == [11.9, 15.0, 15.0, 15.0]


def test_a_queue_counts_the_messages_that_have_arrived() -> None:
    """Messages still under way do not fill the queue: they could not have been taken yet."""

    async def fill() -> None:
        late = DelayedQueue[str](LinkDelay(delay_ms=60_000))
        for _ in range(20):
            late.put("x")
        await late.wait_for_room(10)
        near = DelayedQueue[str](LinkDelay())
        for number in range(10):
            near.put(str(number))
        waiting = asyncio.create_task(near.wait_for_room(10))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await near.get() == "0"
        await waiting

    asyncio.run(fill())


def test_the_bytes_of_a_queue_are_bounded() -> None:
    async def fill() -> None:
        late = DelayedQueue[bytes](LinkDelay(delay_ms=60_000))
        for _ in range(5):
            late.put(bytes(16 * 1024 * 1024))
        waiting = asyncio.create_task(late.wait_for_room(1_000))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()

    asyncio.run(fill())


def test_every_fault_has_a_meaning() -> None:
    assert all(option.meaning for option in options(Faults))


def test_an_event_is_encoded_when_it_is_put() -> None:
    event: Event = {"type": DELTA, "delta": "before"}
    injector = FaultInjector(Faults(late_deltas=1))
    assert not list(injector.messages(event))
    event["delta"] = "after"
    (message, _) = injector.messages({"type": DONE})
    assert json.loads(message.text)["delta"] == "before"
