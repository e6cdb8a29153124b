"""Figures of a conversation with a real service, from a recording made by hand."""

import numpy as np
import pytest

from pipeline.bench.clients import ClientState
from pipeline.bench.clock import CardClock
from pipeline.bench.live import Conversation, evaluate_conversation
from pipeline.ipc.events import EventRead
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ

SPEECH_STARTED = "input_audio_buffer.speech_started"
START_NS = 7_000_000_000
CLOCK = CardClock.exact(START_NS)


def event(kind: str, at_ms: float) -> EventRead:
    return EventRead(kind, START_NS + round(at_ms * NS_PER_MS))


def sound(*stretches_ms: tuple[float, float], until_ms: float = 6_000) -> np.ndarray:
    samples = np.zeros(round(until_ms * SAMPLE_RATE_HZ / 1_000), np.int16)
    for begin_ms, end_ms in stretches_ms:
        begin, end = (round(ms * SAMPLE_RATE_HZ / 1_000) for ms in (begin_ms, end_ms))
        samples[begin:end] = 1_000
    return samples


SPOKEN = sound((200, 900), (2_000, 2_600), (2_800, 3_000))
"""Two sentences; the second has a short pause."""
EVENTS = [
    event(SPEECH_STARTED, 300),
    event("response.created", 1_300),
    event("response.audio.delta", 1_400),
    event("response.audio.delta", 1_410),
    event(SPEECH_STARTED, 2_100),
    event("response.done", 2_110),
    event("response.created", 3_500),
    event("response.audio.delta", 3_600),
]


def measured(heard: np.ndarray) -> Conversation:
    return evaluate_conversation(ClientState(events=EVENTS), heard, CLOCK, CLOCK, SPOKEN)


def test_each_answer_and_each_interruption_is_measured() -> None:
    found = measured(sound((1_404, 2_106), (3_602, 4_000)))
    assert found.cuts_ms == pytest.approx([6.0])
    assert found.speaks_ms == pytest.approx([4.0, 2.0])
    assert found.round_trips_ms == pytest.approx([1_404 - 900, 3_602 - 3_000])
    assert list(found.events) == EVENTS


def test_an_answer_that_had_ended_was_not_cut() -> None:
    assert measured(sound((1_404, 2_000), (3_602, 4_000))).cuts_ms == ()


def test_an_answer_that_plays_on_is_measured_to_its_end() -> None:
    found = measured(sound((1_404, 2_300), (2_400, 2_600), (3_602, 4_000)))
    assert found.cuts_ms == pytest.approx([500.0])


def test_a_service_that_never_answers_has_no_times() -> None:
    silent = evaluate_conversation(ClientState(events=EVENTS[:1]), sound(), CLOCK, CLOCK, SPOKEN)
    assert (silent.cuts_ms, silent.speaks_ms, silent.round_trips_ms) == ((), (), ())


def test_a_card_that_deviates_from_its_rate_keeps_its_times() -> None:
    clock = CardClock(np.array([0, 120, 240]), np.array([0, 5_000_000, 11_000_000]))
    assert [clock.time_ns(sample) for sample in (0, 60, 120, 240)] == [0, 2.5e6, 5e6, 11e6]
    assert [clock.index(ns) for ns in (0, 2_500_000, 5_000_000, 10_500_000)] == [0, 60, 120, 240]
    assert clock.index(-5) == 0
