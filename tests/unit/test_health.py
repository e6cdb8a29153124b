"""Each problem is noticed once, in a sentence that says why."""

from collections.abc import Iterator

import pytest

from pipeline.pcm import NS_PER_MS, NS_PER_S
from pipeline.shm.state import SharedState
from pipeline.shm.watchdog import Heartbeat
from pipeline.supervisor.health import HealthMonitor

START_NS = 1_000 * NS_PER_S
LATE_NS = (Heartbeat.PATIENCE_S + 1) * NS_PER_S


class Rig:
    def __init__(self, state: SharedState) -> None:
        self.state = state
        self.now_ns = START_NS
        self._health = HealthMonitor(state, lambda: self.now_ns)

    def notices(self) -> list[str]:
        return [*self._health.notices()]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with SharedState.create() as state:
        yield Rig(state)


def test_an_untroubled_state_gives_no_notice(rig: Rig) -> None:
    assert not rig.notices()


def test_lost_microphone_audio_is_noticed_with_its_reason(rig: Rig) -> None:
    rig.state.network.lost_samples.add(1_200)
    assert rig.notices() == [
        "50 ms of microphone audio were lost: the network was away for too long."
    ]
    rig.state.network.lost_samples.add(2_400)
    rig.state.capture.lost_samples.add(1_200)
    rig.state.capture.gap_samples.add(240)
    assert rig.notices() == [
        "100 ms of microphone audio were lost: the network was away for too long.",
        "50 ms of microphone audio were lost: the network process stood still for too long.",
        "10 ms of microphone audio were lost: it had to be opened again.",
    ]
    assert not rig.notices()


def test_pauses_are_noticed_with_their_consequence(rig: Rig) -> None:
    rig.state.playback.underruns.add(1)
    rig.state.playback.playout_delay_ns.store(40 * NS_PER_MS)
    (sentence,) = rig.notices()
    assert "paused once: the network was too slow" in sentence
    assert "up to 40 ms later" in sentence
    rig.state.playback.underruns.add(2)
    assert "paused 2 times" in rig.notices()[0]
    assert not rig.notices()


@pytest.mark.parametrize("name", ["microphone", "loudspeaker", "network process"])
def test_a_standstill_is_noticed_once_and_so_is_its_end(name: str, rig: Rig) -> None:
    words = {
        "microphone": rig.state.capture.heartbeat_ns,
        "loudspeaker": rig.state.playback.heartbeat_ns,
        "network process": rig.state.network.heartbeat_ns,
    }
    words[name].store(START_NS)
    assert not rig.notices()
    rig.now_ns += LATE_NS
    (sentence,) = rig.notices()
    assert sentence.startswith(f"The {name} has not worked for 3 s: ")
    assert not rig.notices()
    words[name].store(rig.now_ns)
    assert rig.notices() == [f"The {name} is working again."]
    assert not rig.notices()
