"""Heartbeats: silence and its end are each noticed once."""

from collections.abc import Iterator

import pytest

from pipeline.pcm import NS_PER_S
from pipeline.shm.state import SharedState
from pipeline.shm.watchdog import Heartbeat

START_NS = 1_000 * NS_PER_S
LATE_NS = START_NS + (Heartbeat.PATIENCE_S + 1) * NS_PER_S


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


def test_silence_before_the_first_beat_does_not_count(state: SharedState) -> None:
    heartbeat = Heartbeat(state.playback.heartbeat_ns)
    assert not heartbeat.changed(START_NS)
    assert not heartbeat.silent


def test_silence_and_its_end_are_noticed_once(state: SharedState) -> None:
    word = state.capture.heartbeat_ns
    heartbeat = Heartbeat(word)
    word.store(START_NS)
    times_ns = (START_NS, START_NS + NS_PER_S, LATE_NS, LATE_NS + 1)
    looks = [(heartbeat.changed(now_ns), heartbeat.silent) for now_ns in times_ns]
    word.store(LATE_NS + 2)
    looks += [(heartbeat.changed(LATE_NS + 3), heartbeat.silent) for _ in range(2)]
    assert looks == [
        (False, False),
        (False, False),
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]


def test_a_process_is_silent_only_after_more_than_the_patience(state: SharedState) -> None:
    word = state.network.heartbeat_ns
    heartbeat = Heartbeat(word)
    word.store(1)  # the earliest time that is not "never"
    patience_ns = Heartbeat.PATIENCE_S * NS_PER_S
    assert not heartbeat.changed(1 + patience_ns)
    assert heartbeat.changed(2 + patience_ns)
    assert heartbeat.silent
