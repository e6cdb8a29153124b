"""Where turns begin and end, block by block, and the words that the network process reads."""

from pipeline.ears.heard import Heard, Levels, State
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.rules import Evidence
from pipeline.ears.turn_marks import Endpointer, TurnMarks
from pipeline.pcm import NS_PER_MS
from pipeline.shm.state import SharedState
from tests.support.echoes import babble, pcm16

BLOCK = pcm16(babble(0.01, seed=1))
EPOCH_MS = 5_000


class Rig:
    """An endpointer and the clock of its blocks."""

    def __init__(self, endpointer: Endpointer) -> None:
        self.endpointer = endpointer
        self.now_ms = EPOCH_MS

    def hear(self, likelihood: float, blocks: int, *, trusted: bool = True) -> list[int]:
        """Return at which blocks a turn began or ended, in ms since the first of them."""
        marks = []
        for block in range(blocks):
            now_ns = self.now_ms * NS_PER_MS
            if self.endpointer.hear(likelihood, now_ns, trusted=trusted):
                marks.append(block * 10)
            self.now_ms += 10
        return marks


def rig(silence_ms: int = 300, *, speaking: bool = False) -> Rig:
    return Rig(Endpointer(100, silence_ms, speaking=speaking))


def test_a_turn_has_a_prefix_and_a_tail() -> None:
    ears = rig()
    assert ears.hear(0.1, 50) == []
    spoken_ms = ears.now_ms
    assert ears.hear(0.9, 100) == [190]
    assert ears.endpointer.speaking
    assert ears.endpointer.begin_ns == (spoken_ms - 100) * NS_PER_MS
    ended_ms = ears.now_ms
    assert ears.hear(0.1, 100) == [240], "the evidence lasts 50 ms longer than the speech"
    assert not ears.endpointer.speaking
    assert ears.endpointer.end_ns == (ended_ms + 150) * NS_PER_MS


def test_a_pause_shorter_than_the_silence_belongs_to_the_turn() -> None:
    ears = rig()
    ears.hear(0.9, 30)
    assert ears.hear(0.1, 24) == []
    assert ears.hear(0.4, 1) == [], "less is enough for a voice that goes on"
    assert ears.hear(0.1, 24) == []
    assert ears.hear(0.1, 1) == [0]


def test_short_noises_begin_no_turn() -> None:
    ears = rig()
    for _ in range(10):
        assert ears.hear(0.9, 19) == []
        assert ears.hear(0.1, 20) == []
    assert ears.hear(0.45, 100) == []


def test_syllables_add_up() -> None:
    ears = rig()
    assert ears.hear(0.9, 10) == []
    assert ears.hear(0.1, 5) == []
    assert ears.hear(0.9, 10) == [90]


def test_the_own_voice_begins_no_turn_and_a_turn_goes_on_over_it() -> None:
    ears = rig()
    assert ears.hear(0.9, 100, trusted=False) == []
    assert ears.hear(0.9, 20) == [190]
    assert ears.hear(0.9, 100, trusted=False) == []


def test_turns_do_not_overlap() -> None:
    ears = Rig(Endpointer(1_000, 60))
    ears.hear(0.9, 20)
    ears.hear(0.1, 10)
    first_ns = ears.endpointer.end_ns
    ears.hear(0.9, 20)
    assert ears.endpointer.begin_ns == first_ns + 1


def test_another_process_ends_the_turn_of_the_one_before() -> None:
    ears = rig(speaking=True)
    assert ears.hear(0.1, 40) == [290]


def test_the_words_say_whether_the_user_speaks() -> None:
    with SharedState.create() as state:
        words = state.ears
        marks = TurnMarks(words, 100, 300, silero=True)
        hear(marks, 20, silero=0.9)
        assert words.turn_begin_ns.load() > words.turn_end_ns.load()
        hear(TurnMarks(words, 100, 300, silero=False), 40, start=20)
        assert words.turn_begin_ns.load() < words.turn_end_ns.load()


def test_an_answer_that_sounds_wants_the_verdict_of_the_ears() -> None:
    with SharedState.create() as state:
        marks = TurnMarks(state.ears, 100, 300, silero=True)
        hear(marks, 50, silero=0.9, sounding=True)
        assert not state.ears.turn_begin_ns.load()
        hear(marks, 20, silero=0.9, sounding=True, speech=True)
        assert state.ears.turn_begin_ns.load()


def hear(
    marks: TurnMarks,
    blocks: int,
    *,
    silero: float = 0.0,
    sounding: bool = False,
    speech: bool = False,
    start: int = 0,
) -> None:
    evidence = Evidence(silero, silero, silero, 0.0, 30.0, 10.0)
    levels = Levels(-30.0, -30.0, -50.0)
    heard = Heard(BLOCK, speech, NearSpeech.SPEECH, evidence, levels, State.LISTENING)
    for block in range(start, start + blocks):
        marks.hear(heard, (EPOCH_MS + block * 10) * NS_PER_MS, sounding=sounding)
