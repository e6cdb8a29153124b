"""Holds over the real words of the shared state."""

from collections.abc import Iterator

import pytest

from pipeline.ears.heard import Heard, Levels, State
from pipeline.ears.hold import Reason
from pipeline.ears.hold_control import HoldControl, ServiceDelay
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.rules import Evidence
from pipeline.pcm import NS_PER_MS
from pipeline.shm.state import SharedState
from tests.support.echoes import babble, pcm16

BLOCK = pcm16(babble(0.01, seed=1))


class Rig:
    """A hold control, and the words that other processes would write."""

    def __init__(self, state: SharedState, *, interrupts: bool = False) -> None:
        self.state = state
        self.resumed: list[tuple[Reason, int]] = []
        self.control = HoldControl(
            state,
            interrupts=interrupts,
            resumed=lambda reason, ms: self.resumed.append((reason, ms)),
        )
        self._now_ms = 0

    def hear(
        self,
        blocks: int,
        *,
        speech: bool = False,
        voice: float = 0.0,
        words: bool = False,
        sounding: bool = True,
    ) -> None:
        evidence = Evidence(voice, voice, voice, voice, 30.0, 10.0)
        levels = Levels(-30.0, -30.0, -50.0)
        for _ in range(blocks):
            self._now_ms += 10
            self.control.follow_service()
            near = NearSpeech.SPEECH if words else NearSpeech.UNDECIDED
            heard = Heard(BLOCK, speech, near, evidence, levels, State.LISTENING)
            self.control.hear(heard, sounding=sounding, now_ns=self._now_ms * NS_PER_MS)

    def service_hears(self) -> None:
        self.state.network.speech_heard_ns.store(self._now_ms * NS_PER_MS)

    @property
    def held(self) -> int:
        """The word that playback loads."""
        return self.state.ears.hold.load()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with SharedState.create() as state:
        yield Rig(state)


@pytest.fixture
def interrupting() -> Iterator[Rig]:
    with SharedState.create() as state:
        yield Rig(state, interrupts=True)


def test_speech_over_an_answer_holds_it_under_a_number_of_its_own(rig: Rig) -> None:
    rig.hear(3)
    assert rig.held == 0
    rig.hear(1, speech=True, voice=0.9)
    assert rig.held == 1
    rig.hear(20)
    assert rig.held == 0
    rig.hear(1, speech=True, voice=0.9)
    assert rig.held == 2
    assert rig.state.ears.holds.load() == 2
    assert rig.state.ears.resumed.load() == 1


def test_speech_while_nothing_sounds_holds_nothing(rig: Rig) -> None:
    rig.hear(10, speech=True, voice=0.9, sounding=False)
    assert rig.held == 0
    assert rig.state.ears.holds.load() == 0


def test_lost_voice_resumes_and_is_told(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(10, voice=0.9)
    rig.hear(20)
    assert rig.resumed == [(Reason.NO_WORDS, 300)]
    assert not rig.control.holding


def test_first_hold_waits_a_second_for_the_service(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(99, voice=0.9)
    assert rig.held == 1
    rig.hear(1, voice=0.9)
    assert rig.held == 0
    assert rig.resumed == [(Reason.NOT_CONFIRMED, 1_000)]


def test_hold_waits_300_ms_longer_than_the_service_lately_took(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(40, voice=0.9)
    rig.service_hears()
    rig.state.network.generation.store(1)
    rig.hear(100)
    assert rig.resumed == []
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(100, voice=0.9)
    assert rig.resumed == [(Reason.NOT_CONFIRMED, 700)]


def test_cut_ends_the_hold_without_resuming(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.state.network.generation.store(1)
    rig.hear(1, voice=0.9)
    assert rig.held == 0
    assert rig.state.ears.resumed.load() == 0
    assert rig.resumed == []


def test_certain_speech_asks_once_for_the_next_generation(interrupting: Rig) -> None:
    interrupting.state.network.generation.store(4)
    interrupting.hear(1, speech=True, voice=0.9)
    interrupting.hear(20, voice=0.9)
    assert interrupting.state.ears.interrupt.load() == 0
    interrupting.hear(1, voice=0.9, words=True)
    assert interrupting.state.ears.interrupt.load() == 5
    interrupting.state.ears.interrupt.store(0)
    interrupting.hear(20, voice=0.9, words=True)
    assert interrupting.state.ears.interrupt.load() == 0
    interrupting.state.network.generation.store(5)
    interrupting.hear(1, voice=0.9)
    assert not interrupting.control.holding
    interrupting.hear(1, speech=True, voice=0.9)
    interrupting.hear(20, voice=0.9, words=True)
    assert interrupting.state.ears.interrupt.load() == 6


def test_certain_speech_that_interrupted_nothing_asks_for_the_same_generation_again(
    interrupting: Rig,
) -> None:
    for _ in range(2):
        interrupting.hear(1, speech=True, voice=0.9, words=True)
        interrupting.hear(20, voice=0.9, words=True)
        assert interrupting.state.ears.interrupt.load() == 1
        interrupting.hear(200)
        assert not interrupting.control.holding
        assert interrupting.state.ears.interrupt.load() == 0


def test_ears_that_interrupt_wait_for_certain_speech_beside_a_quick_service(
    interrupting: Rig,
) -> None:
    interrupting.hear(1, speech=True, voice=0.9)
    interrupting.hear(10, voice=0.9)
    interrupting.service_hears()
    interrupting.state.network.generation.store(1)
    interrupting.hear(1, voice=0.9)
    assert not interrupting.control.holding
    interrupting.hear(1, speech=True, voice=0.9)
    for _ in range(6):  # a hum with gaps, which lasts longer than a quick service takes
        interrupting.hear(10)
        interrupting.hear(10, voice=0.9)
    interrupting.hear(1, voice=0.9, words=True)
    assert interrupting.state.ears.interrupt.load() == 2


def test_an_interruption_is_not_taken_back_before_the_network_has_looked(interrupting: Rig) -> None:
    interrupting.hear(1, speech=True, voice=0.9)
    interrupting.hear(4, voice=0.9)
    for _ in range(9):
        interrupting.hear(11)
        interrupting.hear(5, voice=0.9)
    interrupting.hear(1, voice=0.9, words=True)
    assert interrupting.state.ears.interrupt.load() == 1  # 10 ms before patience ends
    interrupting.hear(9)
    assert interrupting.control.holding
    assert interrupting.state.ears.interrupt.load() == 1
    interrupting.hear(2)
    assert not interrupting.control.holding


def test_too_little_speech_interrupts_nothing(interrupting: Rig) -> None:
    for _ in range(3):
        interrupting.hear(1, speech=True, voice=0.9)
        interrupting.hear(49, voice=0.9)
        interrupting.hear(200)
    assert interrupting.state.ears.interrupt.load() == 0
    assert [reason for reason, _ in interrupting.resumed] == [Reason.NO_WORDS] * 3


def test_the_service_alone_decides_unless_the_ears_interrupt(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(50, voice=0.9)
    assert rig.state.ears.interrupt.load() == 0


def test_cut_without_a_hold_changes_nothing(rig: Rig) -> None:
    rig.state.network.generation.store(1)
    rig.hear(5)
    assert rig.held == 0
    rig.hear(1, speech=True, voice=0.9)
    assert rig.held == 1


def test_voice_that_goes_on_holds_the_next_answer_but_this_one_no_more(rig: Rig) -> None:
    rig.hear(500, speech=True, voice=0.9)
    assert rig.resumed == [(Reason.NOT_CONFIRMED, 1_000)]
    assert rig.state.ears.holds.load() == 1
    rig.hear(30, speech=True, voice=0.9, sounding=False)
    rig.hear(1, speech=True, voice=0.9)
    assert rig.state.ears.holds.load() == 2


def test_voice_is_heard_to_pause_also_while_no_speech_is_likely(rig: Rig) -> None:
    rig.hear(101, speech=True, voice=0.9)
    rig.hear(200)
    rig.hear(1, speech=True, voice=0.9)
    assert rig.state.ears.holds.load() == 2


def test_cut_after_a_hold_that_was_not_confirmed_lets_the_next_answer_be_held(rig: Rig) -> None:
    rig.hear(150, speech=True, voice=0.9)
    rig.service_hears()
    rig.state.network.generation.store(1)
    rig.hear(1, speech=True, voice=0.9)
    assert rig.state.ears.holds.load() == 2


def test_new_process_lets_go_of_the_hold_of_the_one_before() -> None:
    with SharedState.create() as state:
        state.ears.holds.store(3)
        state.ears.hold.store(3)
        rig = Rig(state)
        assert rig.held == 0
        rig.hear(1, speech=True, voice=0.9)
        assert rig.held == 4


def test_speech_after_the_answer_teaches_no_delay(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(40)  # a cough
    assert rig.resumed == [(Reason.NO_WORDS, 200)]
    rig.hear(30, sounding=False)
    rig.hear(40, sounding=False)
    rig.service_hears()
    rig.hear(1)
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(100, voice=0.9)
    assert rig.resumed[1:] == [(Reason.NOT_CONFIRMED, 1_000)]


def test_service_that_confirms_after_the_hold_is_waited_for_next_time(rig: Rig) -> None:
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(100, voice=0.9)
    rig.hear(5, sounding=False)  # until playback goes on
    rig.hear(15)
    rig.service_hears()
    rig.hear(200)
    rig.hear(1, speech=True, voice=0.9)
    rig.hear(200, voice=0.9)
    assert rig.resumed == [(Reason.NOT_CONFIRMED, 1_000), (Reason.NOT_CONFIRMED, 1_500)]


def test_patience_follows_the_latest_delays_within_bounds() -> None:
    delay = ServiceDelay()
    assert delay.patience_ms == 1_000
    for begun_ms, heard_ms in ((10, 5), (10, 3_020)):
        delay.begin(begun_ms * NS_PER_MS)
        delay.end(heard_ms * NS_PER_MS)
    assert delay.patience_ms == 1_000
    delay.begin(0)
    delay.end(250 * NS_PER_MS)
    delay.end(900 * NS_PER_MS)  # of other speech
    assert delay.patience_ms == 550
    delay.begin(0)
    delay.end(2_900 * NS_PER_MS)
    assert delay.patience_ms == 3_000
    for _ in range(8):
        delay.begin(0)
        delay.end(100 * NS_PER_MS)
    assert delay.patience_ms == 400
