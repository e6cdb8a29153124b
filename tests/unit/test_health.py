"""Each problem is noticed once, in a sentence that says why."""

from collections.abc import Iterator

import pytest

from pipeline.pcm import NS_PER_MS
from pipeline.shm.fields import CaptureFields, PlaybackFields
from pipeline.shm.state import LevelReading, SharedState
from pipeline.supervisor.health import HealthMonitor
from pipeline.supervisor.unheard_speech import LOOKS_PER_S

LOOK_S = 1 / LOOKS_PER_S


class Rig:
    def __init__(self, state: SharedState, own: tuple[str, ...] = ()) -> None:
        self.state = state
        self.now_s = 1_000.0
        self._health = HealthMonitor(state, lambda: self.now_s, own)

    def notices(self) -> list[str]:
        return [*self._health.notices()]

    def notices_of(
        self,
        seconds: float,
        words: CaptureFields | PlaybackFields,
        *,
        calling: bool = False,
        beating: bool = True,
    ) -> list[str]:
        """Pass the time: `calling` is what the card does, `beating` what its process does."""
        said: list[str] = []
        for _ in range(round(seconds / LOOK_S)):
            self.now_s += LOOK_S
            words.callback_ns.add(calling)
            words.heartbeat_ns.add(beating)
            said += self.notices()
        return said


@pytest.fixture
def rig() -> Iterator[Rig]:
    with SharedState.create() as state:
        yield Rig(state)


def test_an_untroubled_state_gives_no_notice(rig: Rig) -> None:
    assert not rig.notices()


def test_lost_microphone_audio_is_noticed_with_its_reason(rig: Rig) -> None:
    rig.state.capture.gap_samples.add(240)
    assert rig.notices() == [
        "10 ms of microphone audio were lost: it stood still or was opened again."
    ]
    assert not rig.notices()


def test_a_loss_that_lasts_is_noticed_when_it_begins_and_when_it_ends(rig: Rig) -> None:
    begins = ["Microphone audio is being lost: the network is away for too long."]
    for lost_ms in (5_000, 250):
        shown = []
        for _ in range(lost_ms // 250):
            rig.state.network.lost_samples.add(6_000)
            rig.now_s += LOOK_S
            shown += rig.notices()
        assert shown == begins
        rig.now_s += 2
        assert not rig.notices()
        rig.now_s += 0.001
        ends = f"No more microphone audio is lost; {lost_ms / 1_000:.2f} s were lost in all."
        assert rig.notices() == [ends]
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


def test_what_the_ears_missed_is_noticed_once_while_there_are_ears(rig: Rig) -> None:
    rig.state.playback.reference_lost_periods.add(1)
    assert not rig.notices()
    rig.state.supervisor.ears.store(1)
    (sentence,) = rig.notices()
    assert sentence == (
        "The ears stood still for too long to know all that sounded: an answer may have paused by "
        "itself."
    )
    rig.state.playback.reference_lost_periods.add(1)
    assert not rig.notices()


def murmur(rig: Rig, seconds: float, *, goes_up: bool) -> list[str]:
    """Give what speech gives, and the service hears none of it."""
    said: list[str] = []
    for number in range(round(seconds / LOOK_S)):
        rig.now_s += LOOK_S
        reading = LevelReading(number + 1, 3_000 if number % 5 < 3 else 80, False)
        rig.state.capture.level.store(reading.packed())
        rig.state.network.sent_samples.add(6_000 * goes_up)
        said += rig.notices()
    return said


def test_a_voice_is_not_unheard_while_nothing_goes_up(rig: Rig) -> None:
    assert not murmur(rig, 4, goes_up=True)
    assert not murmur(rig, 60, goes_up=False)
    assert not murmur(rig, 7, goes_up=True)
    (sentence,) = murmur(rig, 60, goes_up=True)
    assert "the service hears no speech in it" in sentence


def words_of(name: str, state: SharedState) -> CaptureFields | PlaybackFields:
    return state.capture if name == "microphone" else state.playback


CARDS = ["microphone", "loudspeaker"]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_stands_is_noticed_once_and_so_is_its_end(name: str, rig: Rig) -> None:
    words = words_of(name, rig.state)
    assert not rig.notices_of(10, words, calling=True)
    (sentence,) = rig.notices_of(10, words)
    assert sentence.startswith(f"The {name} has not worked for 3 s: ")
    assert rig.notices_of(10, words, calling=True) == [f"The {name} is working again."]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_has_not_begun_does_not_stand(name: str, rig: Rig) -> None:
    assert not rig.notices_of(10, words_of(name, rig.state))


@pytest.mark.parametrize("name", CARDS)
def test_a_process_that_stands_is_not_the_fault_of_its_card(name: str, rig: Rig) -> None:
    words = words_of(name, rig.state)
    rig.notices_of(1, words, calling=True)
    assert not rig.notices_of(10, words, beating=False)


def test_a_program_that_gives_no_sound_is_told_so_itself(rig: Rig) -> None:
    rig = Rig(rig.state, own=("microphone",))
    assert not rig.notices_of(1, rig.state.capture, calling=True)
    assert rig.notices_of(4, rig.state.capture) == [
        "The microphone has not worked for 3 s: the program that gives its sound has to go on."
    ]
