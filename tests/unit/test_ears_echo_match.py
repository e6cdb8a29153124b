import numpy as np
import pytest

from pipeline.ears.detection import KEPT_BLOCKS, KeptBlock
from pipeline.ears.echo_match import EchoLeft, echo_left
from pipeline.pcm import BLOCK_SAMPLES, ms_to_samples
from tests.support.echoes import Sound, babble, pcm16


def kept(residual: Sound, reference: Sound, microphone: Sound | None = None) -> list[KeptBlock]:
    """Return the latest blocks; nothing was subtracted unless a microphone is given."""
    microphone = residual if microphone is None else microphone
    blocks = []
    for start in range(0, residual.size, BLOCK_SAMPLES):
        block = slice(start, start + BLOCK_SAMPLES)
        blocks.append(KeptBlock(pcm16(microphone[block]), pcm16(reference[block]), residual[block]))
    return blocks[-KEPT_BLOCKS:]


def delayed(sound: Sound, delay_ms: float, gain: float = 1.0) -> Sound:
    return np.roll(sound, ms_to_samples(delay_ms)) * np.float32(gain)


@pytest.mark.parametrize("delay_ms", [8, 20, 55])
def test_reference_at_any_delay_is_echo(delay_ms: int) -> None:
    reference = babble(0.5, seed=1)
    heard = delayed(reference, delay_ms, 0.1) + babble(0.5, seed=2, peak=0.001)
    assert echo_left(kept(heard, reference)) == EchoLeft(None)


def test_other_sound_is_no_echo() -> None:
    assert echo_left(kept(babble(0.5, seed=3), babble(0.5, seed=4))) is None


def test_silence_is_no_echo() -> None:
    silence = np.zeros(ms_to_samples(500), np.float32)
    assert echo_left(kept(silence, babble(0.5, seed=5))) is None
    assert echo_left(kept(babble(0.5, seed=5), silence)) is None


def test_nothing_is_said_before_enough_was_heard() -> None:
    reference = babble(0.1, seed=6)
    assert echo_left(kept(reference, reference)) is None


def test_echo_that_was_subtracted_does_not_count() -> None:
    reference = babble(0.5, seed=7)
    person = babble(0.5, seed=8)
    heard = person + delayed(reference, 30)
    assert echo_left(kept(heard, reference))
    assert echo_left(kept(person, reference, heard)) is None


def test_person_who_speaks_may_resemble_the_reference() -> None:
    reference = babble(0.5, seed=9)
    resembling = delayed(reference, 30, 0.6) + babble(0.5, seed=10)
    assert echo_left(kept(resembling, reference))
    assert echo_left(kept(resembling, reference), beside_voice=True) is None


def test_person_resembles_the_reference_while_the_echo_has_not_moved() -> None:
    reference = babble(0.5, seed=9)
    person = delayed(reference, 45, 0.6) + babble(0.5, seed=10)
    echo = delayed(reference, 30, 0.25)
    assert echo_left(kept(person, reference))
    assert echo_left(kept(person, reference, person + echo)) is None


@pytest.mark.parametrize("moved_ms", [-12.5, -0.5, 1, 15, 30])
def test_echo_that_has_moved_is_found_to_the_sample(moved_ms: float) -> None:
    reference = babble(0.5, seed=11)
    before = delayed(reference, 30, 0.25)
    heard = delayed(before, moved_ms) + babble(0.5, seed=12, peak=0.01)
    left = echo_left(kept(heard - before, reference, heard))
    assert left == EchoLeft(ms_to_samples(moved_ms))


@pytest.mark.parametrize("seed", range(20, 30))
def test_a_person_known_to_speak_moves_no_echo(seed: int) -> None:
    reference = babble(0.5, seed=seed)
    echo = delayed(reference, 30, 0.5)
    person = delayed(reference, 45, 0.4) + babble(0.5, seed=seed + 50)
    assert echo_left(kept(person, reference, person + echo), beside_voice=True) is None


def test_echo_of_which_too_little_is_subtracted_is_no_person() -> None:
    reference = babble(0.5, seed=13)
    echo = delayed(reference, 30, 0.25) + babble(0.5, seed=14, peak=0.005)
    assert echo_left(kept(echo * np.float32(0.6), reference, echo)) == EchoLeft(0)
    person = echo * np.float32(0.1) + babble(0.5, seed=15)
    assert echo_left(kept(person, reference, person + echo * np.float32(0.9))) is None
