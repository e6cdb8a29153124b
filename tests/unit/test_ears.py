from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from benchmarks.ear_holds import holds
from benchmarks.ear_scenes import far_end, scene
from benchmarks.ear_service import Sent, speech_started
from benchmarks.ear_sounds import at_level, mm_hms, near_phrases, own_voice, read, speech_folder
from benchmarks.ears import Outcome, listen
from benchmarks.echo_paths import PATHS
from pipeline.ears.blocks import Block, Cancelled
from pipeline.ears.compiled import new_canceller
from pipeline.ears.ears import Ears
from pipeline.ears.echo_match import EchoLeft
from pipeline.ears.heard import Heard, State
from pipeline.ears.linear_canceller import REMEMBERED_REFERENCES
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.parts import Parts, load_parts
from pipeline.pcm import Samples
from tests.support.echoes import Sound, babble, blocks, echo, pcm16

SILENCE = np.zeros(240, np.int16)
QUIET = np.ones(240, np.int16)
"""Of a microphone that is not muted."""


class SteadyDetector:
    """Finds the same likelihood everywhere."""

    def __init__(self, likelihood: float) -> None:
        self._likelihood = likelihood

    def keep(self, block: Block) -> None:
        assert block.shape == (160,)

    def likelihood(self) -> float:
        return self._likelihood

    def begin_anew(self) -> None:
        pass


class PassingSuppressor:
    def suppress(self, microphone: Block, reference: Block) -> Block:
        assert microphone.shape == reference.shape == (160,)
        return microphone


def parts(silero: float | None = 1.0, earshot: float | None = 1.0) -> Parts:
    return Parts(
        PassingSuppressor(),
        None if silero is None else SteadyDetector(silero),
        None if earshot is None else SteadyDetector(earshot),
    )


def hear(ears: Ears, microphone: Samples, reference: Samples) -> list[Heard]:
    return [ears.hear(*pair) for pair in blocks(microphone, reference)]


def cleaned(heard: Sequence[Heard]) -> Samples:
    return np.concatenate([block.cleaned for block in heard])


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples / 32_768)) + 1e-12))


def test_microphone_passes_unchanged_while_nothing_sounds() -> None:
    microphone = pcm16(babble(1, seed=1))
    heard = hear(Ears(parts()), microphone, np.zeros_like(microphone))
    np.testing.assert_array_equal(cleaned(heard), microphone)
    assert {block.state for block in heard} == {State.RESTING}
    assert not any(block.speech for block in heard)


def test_echo_is_subtracted_and_near_sound_is_kept() -> None:
    played = babble(6, seed=2)
    near = babble(6, seed=3, peak=0.1)
    near[: 5 * 24_000] = 0
    heard = hear(Ears(Parts()), pcm16(echo(played, 0.3) + near), pcm16(played))
    out = cleaned(heard)
    alone = slice(4 * 24_000, 5 * 24_000)
    assert level_db(out[alone]) < level_db(pcm16(echo(played, 0.3))[alone]) - 15
    both = slice(5 * 24_000, 6 * 24_000)
    assert level_db(out[both] - pcm16(near)[both]) < level_db(pcm16(near)[both]) - 10


def test_echo_stays_subtracted_beside_a_person_who_does_not_stop() -> None:
    voice = own_voice()
    played = at_level(voice, -23.0)[: 20 * 24_000]
    near = pcm16(at_level(voice, -26.0)[-20 * 24_000 :])
    heard = scene(played, PATHS["room"], -12.0).microphone
    left = cleaned(hear(Ears(Parts()), heard + near, pcm16(played))).astype(np.int32) - near
    late = slice(10 * 24_000, None)
    assert level_db(left[late]) < level_db(heard[late]) - 7.5


def test_every_block_comes_back_in_full() -> None:
    played = babble(1, seed=4)
    heard = hear(Ears(load_parts()), pcm16(echo(played, 1)), pcm16(played))
    assert all(block.cleaned.shape == (240,) for block in heard)
    assert all(block.cleaned.dtype == np.int16 for block in heard)
    assert len(heard) == 100


def test_same_sound_gives_the_same_result() -> None:
    played = babble(3, seed=5)
    microphone = pcm16(echo(played, 0.5) + babble(3, seed=6, peak=0.1))
    runs = [hear(Ears(load_parts()), microphone, pcm16(played)) for _ in range(2)]
    np.testing.assert_array_equal(cleaned(runs[0]), cleaned(runs[1]))
    assert [block.evidence for block in runs[0]] == [block.evidence for block in runs[1]]


def test_rule_is_strict_until_three_seconds_were_heard_and_after_realignment() -> None:
    ears = Ears(parts(silero=0.5, earshot=0.5))
    played = np.full(24_000 * 4, 0.1, np.float32) * np.sign(babble(4, seed=7))
    microphone = pcm16(echo(played, 0.3) + babble(4, seed=8))
    heard = hear(ears, microphone, pcm16(played))
    settling = [block for block in heard if block.state is State.SETTLING]
    assert len(settling) == 299
    assert not any(block.speech for block in settling)
    assert any(block.speech for block in heard[300:])
    ears.realigned()
    assert ears.hear(*blocks(microphone, pcm16(played))[0]).state is State.SETTLING


@pytest.mark.parametrize("later_samples", [-150, 100])
def test_an_echo_that_has_moved_is_no_person_and_what_was_learnt_is_kept(
    later_samples: int,
) -> None:
    ears, played = Ears(parts()), babble(6, seed=26)
    still = echo(played, 0.3)
    moved_at = 4 * 24_000
    moved = np.concatenate([still[:moved_at], np.roll(still, later_samples)[moved_at:]])
    reference, found, left, speech = pcm16(played), [], [], []
    for number, (microphone,) in enumerate(blocks(pcm16(moved))):
        heard = ears.hear(microphone, reference[number * 240 :][:240])
        speech.append(heard.speech)
        if heard.echo_moved_samples:
            found.append((number, heard.echo_moved_samples))
            reference = np.roll(reference, later_samples)
            known = reference[: (number + 1) * 240].reshape(-1, 240)
            ears.reference_moved(0, list(known[-REMEMBERED_REFERENCES:]))
        left.append(heard.levels.cleaned_db - heard.levels.microphone_db)
    ((at, samples),) = found
    assert moved_at // 240 < at < moved_at // 240 + 20
    assert samples == later_samples
    assert not any(speech[at:])
    assert np.median(left[at + 1 : at + 31]) < -25
    assert heard.state is State.LISTENING


def test_words_beside_an_echo_that_is_not_learnt_are_known_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ears, played = Ears(parts()), babble(6, seed=28)
    person = babble(6, seed=29)
    person[: 4 * 24_000] = 0
    microphone, reference = pcm16(echo(played, 0.1) + person), pcm16(played)
    hear(ears, microphone[: 4 * 24_000], reference[: 4 * 24_000])
    monkeypatch.setattr("pipeline.ears.ears.echo_left", lambda *_, **__: EchoLeft(0))
    heard = hear(ears, microphone[4 * 24_000 :], reference[4 * 24_000 :])
    assert not any(block.speech for block in heard)
    assert NearSpeech.SPEECH in {block.near for block in heard[:80]}


def test_a_louder_loudspeaker_is_no_person() -> None:
    ears, played = Ears(parts()), babble(6, seed=27)
    microphone = echo(played, 0.05)
    microphone[4 * 24_000 :] *= 4
    heard = hear(ears, pcm16(microphone), pcm16(played))
    assert max(block.evidence.residual_db for block in heard[400:430]) > -4
    assert not any(block.speech for block in heard[410:440])
    assert {block.state for block in heard[350:]} == {State.LISTENING}


def test_far_end_is_audible_300_ms_after_its_end() -> None:
    ears = Ears(parts())
    loud = pcm16(babble(0.01, seed=9))
    ears.hear(QUIET, loud)
    states = [ears.hear(QUIET, SILENCE).state for _ in range(31)]
    assert states[:29] == [State.SETTLING] * 29
    assert states[29:] == [State.RESTING] * 2
    assert ears.hear(QUIET, SILENCE, holding=True).state is State.SETTLING


def test_headphones_pass_the_microphone_and_the_pulled_plug_is_noticed() -> None:
    ears = Ears(parts())
    played = babble(8, seed=10)
    noise = np.random.default_rng(11).standard_normal(played.size) * 1e-4
    quiet = pcm16(noise.astype(np.float32))
    heard = hear(ears, quiet, pcm16(played))
    assert heard[-1].state is State.HEADPHONES
    np.testing.assert_array_equal(heard[-1].cleaned, quiet[-240:])
    loudspeaker = hear(ears, pcm16(echo(played, 0.3)), pcm16(played))
    left = [block.state for block in loudspeaker].index(State.SETTLING)
    assert left < 200
    assert loudspeaker[-1].state is State.LISTENING


def test_pulled_plug_pauses_no_answer() -> None:
    ears = Ears(parts())
    played = babble(8, seed=10)
    noise = np.random.default_rng(11).standard_normal(played.size) * 1e-4
    hear(ears, pcm16(noise.astype(np.float32)), pcm16(played))
    loudspeaker = hear(ears, pcm16(echo(played, 0.3)), pcm16(played))
    first = [block.state for block in loudspeaker].index(State.SETTLING)
    assert first < 20
    assert not any(block.speech for block in loudspeaker[first:])


@pytest.mark.parametrize("before_s", [0, 6])
def test_muted_microphone_teaches_nothing(before_s: int) -> None:
    played = babble(before_s + 8, seed=12)
    heard_echo = pcm16(echo(played, 0.3))
    muted = slice(before_s * 24_000, (before_s + 6) * 24_000)
    heard_echo[muted] = 0
    heard = hear(Ears(parts(silero=0.8)), heard_echo, pcm16(played))
    silent = heard[before_s * 100 + 100 : (before_s + 6) * 100]
    assert {block.state for block in silent} == {State.RESTING}
    after = heard[(before_s + 6) * 100 :]
    assert not any(block.speech for block in after)
    assert {block.state for block in after} == {State.LISTENING if before_s else State.SETTLING}
    if before_s:
        reductions = [block.levels.microphone_db - block.levels.cleaned_db for block in after]
        assert np.median(reductions) > 15


def test_room_without_noise_is_not_muted_in_the_pauses_of_an_answer() -> None:
    played = babble(8, seed=13)
    for start in range(0, played.size, 24_000):
        played[start + 18_000 : start + 24_000] = 0
    heard_echo = pcm16(echo(played, 0.3))
    heard_echo[np.abs(heard_echo) < 30] = 0
    heard = hear(Ears(parts(silero=0.0)), heard_echo, pcm16(played))
    assert heard[-50].state is State.LISTENING


@pytest.mark.parametrize(
    ("missing", "speech"),
    [
        (Parts(), False),
        (Parts(silero=SteadyDetector(1)), True),
        (parts(earshot=None), True),
        (parts(silero=None), True),
        (Parts(earshot=SteadyDetector(1)), False),
    ],
)
def test_ears_do_without_missing_parts(missing: Parts, speech: bool) -> None:
    played = babble(6, seed=12)
    near = babble(6, seed=13)
    near[: 5 * 24_000] = 0
    heard = hear(Ears(missing), pcm16(echo(played, 0.3) + near), pcm16(played))
    assert heard[-1].state is State.LISTENING
    assert any(block.speech for block in heard[500:]) is speech


@pytest.mark.parametrize(
    "microphone",
    [
        np.zeros(24_000 * 4, np.int16),
        np.full(24_000 * 4, -32_768, np.int16),
        pcm16(np.sign(babble(4, seed=14)) * np.float32(2)),
    ],
    ids=["muted", "stuck", "clipping"],
)
def test_extreme_microphones_leave_finite_values(microphone: Samples) -> None:
    ears = Ears(load_parts())
    played = pcm16(babble(4, seed=15, peak=1))
    heard = hear(ears, microphone, played)
    values = [
        (block.levels.cleaned_db, block.levels.echo_db, block.evidence.rise_db) for block in heard
    ]
    assert np.isfinite(values).all()
    recovered = hear(ears, pcm16(echo(babble(6, seed=16), 0.3)), pcm16(babble(6, seed=16)))
    last = recovered[-100:]
    reductions = [block.levels.microphone_db - block.levels.cleaned_db for block in last]
    assert np.median(reductions) > 10


@cache
def double_talk() -> Outcome:
    folder = speech_folder()
    if folder is None:
        pytest.skip("no folder shared/speech beside the project")
    voices = [read(path) for path in sorted((folder / "far").iterdir())[:3]]
    near = near_phrases()[:4]
    return listen(scene(far_end(voices, 24), PATHS["room"], -12.0, near=near, seed=1))


def test_real_onsets_are_found_in_double_talk() -> None:
    latencies_ms = double_talk().latencies_ms()
    assert len(latencies_ms) == 4
    assert max(latencies_ms) < 300


def test_real_echo_alone_is_no_speech() -> None:
    assert double_talk().false_alarms() == 0


def test_service_hears_no_speech_in_what_is_left_of_the_echo() -> None:
    outcome = double_talk()
    begins = outcome.scene.near[0][0]
    assert speech_started(outcome.scene.microphone)[0] < begins
    assert outcome.sent.speech_started()[0] > begins


@pytest.mark.parametrize("below_echo_db", [8, 12])
def test_voice_that_is_quieter_than_the_echo_is_sent(below_echo_db: int) -> None:
    folder = speech_folder()
    if folder is None:
        pytest.skip("no folder shared/speech beside the project")
    voices = [read(path) for path in sorted((folder / "far").iterdir())[:3]]
    played = far_end(voices, 8)
    heard_echo, near = echo(played, 0.3), np.zeros(played.size, np.float32)
    over = slice(6 * 24_000, 8 * 24_000)
    near[over] = np.concatenate(near_phrases()[:4])[: 2 * 24_000]
    level = level_db(pcm16(heard_echo)[over]) - below_echo_db
    near *= np.float32(10 ** ((level - level_db(pcm16(near)[over])) / 20))
    out = Sent(hear(Ears(load_parts()), pcm16(heard_echo + near), pcm16(played))).sound
    assert np.corrcoef(out[over], near[over])[0, 1] > 0.84
    assert level_db(out[over]) > level - 2


def test_assents_over_an_answer_are_held_and_recovered() -> None:
    far = far_end([at_level(own_voice(), -23.0)], 20)
    outcome = listen(scene(far, PATHS["room"], -12.0, near=mm_hms(3), seed=9))
    found = holds(outcome.heard, interrupts=True)
    assert len(found) >= 3
    assert all(hold.reason is not None for hold in found)
    assert outcome.sent.speech_started() == []


def test_moved_echo_makes_the_rule_strict_again() -> None:
    played = babble(8, seed=17)
    heard_echo = echo(played, 0.3)
    moved = np.concatenate([heard_echo[: 6 * 24_000], heard_echo[6 * 24_000 - 120 : -120]])
    heard = hear(Ears(parts()), pcm16(moved), pcm16(played))
    assert heard[599].state is State.LISTENING
    after = heard[600:]
    strict = [block.state for block in after].index(State.SETTLING)
    assert strict < 40
    assert not any(block.speech for block in after[strict : strict + 60])


def ears_after_an_answer(parts: Parts, person: Sound) -> Ears:
    """Return ears that have heard an answer in a room, and a person, and then a silence."""
    ears = Ears(parts)
    played = np.concatenate([babble(8, seed=18), np.zeros(24_000, np.float32)])
    hear(ears, pcm16(echo(played, 0.3) + person), pcm16(played))
    return ears


NOBODY = np.zeros(9 * 24_000, np.float32)


def test_person_before_a_silence_does_not_pause_the_answer_after_it() -> None:
    person = babble(9, seed=20)
    person[: 7 * 24_000] = person[8 * 24_000 + 6_000 :] = 0
    ears = ears_after_an_answer(parts(), person)
    heard = begin_late(ears, babble(1, seed=19))
    assert {block.state for block in heard} == {State.LISTENING}
    assert not any(block.speech for block in heard)


def test_person_who_speaks_on_into_an_answer_is_noticed() -> None:
    ears = ears_after_an_answer(parts(), babble(9, seed=20))
    heard = begin_late(ears, babble(1, seed=19), babble(1, seed=22))
    assert [block.speech for block in heard].index(True) < 10


def test_reference_that_comes_late_is_subtracted_from_its_echo() -> None:
    ears = ears_after_an_answer(Parts(), NOBODY)
    played = babble(0.1, seed=21)
    left = cleaned(begin_late(ears, played))
    assert level_db(left) < level_db(pcm16(echo(played, 0.3))[-len(left) :]) - 12


def begin_late(ears: Ears, played: Sound, person: Sound | None = None) -> list[Heard]:
    """Let an answer sound whose first two blocks are known when they have been heard.

    :returns: what is heard from the third block on.
    """
    microphone = echo(played, 0.3) + (0 if person is None else person)
    pairs = blocks(pcm16(microphone), pcm16(played))
    for sound, _ in pairs[:2]:
        assert ears.hear(sound, SILENCE).state is State.RESTING
    ears.correct([reference for _, reference in pairs[:2]])
    return [ears.hear(*pair) for pair in pairs[2:]]


def test_echo_that_is_not_learnt_yet_is_no_speech_however_long_it_lasts() -> None:
    ears = Ears(parts(silero=0.8, earshot=0.0))
    played = babble(2.5, seed=23)
    strangely = babble(2.5, seed=24, peak=0.1)  # as an echo that the canceller does not follow
    heard = hear(ears, pcm16(echo(played, 0.3) + strangely), pcm16(played))
    assert {block.near for block in heard[10:]} == {NearSpeech.UNDECIDED}
    assert {block.state for block in heard} == {State.SETTLING}


class NotedBlocks:
    """A canceller that notes the blocks that it is given."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self._canceller = new_canceller()

    def cancel(self, microphone: Samples, reference: Samples) -> Cancelled:
        self.blocks.append(id(microphone))
        return self._canceller.cancel(microphone, reference)

    def reference_moved(self, later_blocks: int, references: Sequence[Samples]) -> None:
        self._canceller.reference_moved(later_blocks, references)


@pytest.mark.parametrize("holding", [False, True])
@pytest.mark.parametrize("pause_blocks", [5, 29, 30, 31, 32, 60])
def test_the_canceller_is_given_each_block_once(pause_blocks: int, holding: bool) -> None:
    ears, canceller = Ears(Parts()), NotedBlocks()
    ears._canceller = canceller
    played = babble(0.5, seed=25)
    sound = list(blocks(pcm16(echo(played, 0.3)), pcm16(played)))
    paused = [(SILENCE.copy(), SILENCE) for _ in range(pause_blocks)]
    for pair in [*sound, *paused, *[(near.copy(), far) for near, far in sound]]:
        ears.hear(*pair, holding=holding)
    assert len(canceller.blocks) == len(set(canceller.blocks))
