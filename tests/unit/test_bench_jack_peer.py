"""The peer of a JACK card, over a client without a server."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.bench import jack_peer
from pipeline.bench.jack_card import JackCard
from pipeline.bench.jack_peer import JackPeer
from pipeline.pcm import FULL_SCALE, Samples, Sound

FRAMES = 120


class Port:
    """A port's buffer. The microphone's may be told what to do while it is filled."""

    def __init__(self) -> None:
        self.buffer = np.zeros(FRAMES, np.float32).view(WatchedBuffer)
        self.buffer.on_fill = lambda: None

    def get_array(self) -> Sound:
        return self.buffer


class WatchedBuffer(np.ndarray[Any, Any]):
    on_fill: Any = None

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if self.on_fill is not None:
            self.on_fill()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> JackPeer:
    def client(*_: object) -> SimpleNamespace:
        ports = SimpleNamespace(register=lambda _: Port())
        return SimpleNamespace(
            outports=ports, inports=ports, set_process_callback=lambda _callback: None
        )

    monkeypatch.setattr(JackCard, "client", client)
    monkeypatch.setattr(jack_peer, "promote_this_thread", lambda _: None)
    return JackPeer(JackCard())


def period(peer: JackPeer) -> Samples:
    """Return what one period of the card gives to the microphone."""
    peer._process(FRAMES)
    return np.asarray(peer._mouth.get_array() * FULL_SCALE, np.int16)


def test_a_sound_is_played_from_its_first_sample_to_its_last(peer: JackPeer) -> None:
    sound = np.arange(1, FRAMES + 41, dtype=np.int16)
    period(peer)
    assert peer.said_all
    peer.say(sound)
    assert (peer.said_all, peer.said_at_ns) == (False, 0)
    played = np.concatenate([period(peer), period(peer)])
    assert np.array_equal(np.trim_zeros(played), sound)
    assert peer.said_all
    assert peer.said_at_sample == FRAMES
    assert peer.said_at_ns == peer.time_ns(FRAMES)


def test_a_sound_that_comes_during_a_period_is_played_whole(peer: JackPeer) -> None:
    first, second = np.full(FRAMES, 1, np.int16), np.arange(2, FRAMES, dtype=np.int16)

    def say_once() -> None:
        peer._mouth.buffer.on_fill = lambda: None
        peer.say(second)

    peer.say(first)
    peer._mouth.buffer.on_fill = say_once
    assert np.array_equal(period(peer), first)
    assert not peer.said_all
    assert np.array_equal(np.trim_zeros(period(peer)), second)
    assert peer.said_all
