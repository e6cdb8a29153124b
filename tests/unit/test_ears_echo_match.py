import numpy as np
import pytest

from pipeline.ears.blocks import Block
from pipeline.ears.detection import KEPT_BLOCKS, KeptBlock
from pipeline.ears.echo_match import is_echo, match
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


@pytest.mark.parametrize("delay_ms", [8, 20, 55])
def test_reference_at_any_delay_is_echo(delay_ms: int) -> None:
    reference = babble(0.5, seed=1)
    residual: Block = np.roll(reference, ms_to_samples(delay_ms)) * np.float32(0.1)
    residual += babble(0.5, seed=2, peak=0.001)
    assert is_echo(kept(residual, reference))


def test_other_sound_is_no_echo() -> None:
    assert not is_echo(kept(babble(0.5, seed=3), babble(0.5, seed=4)))


def test_silence_is_no_echo() -> None:
    silence = np.zeros(ms_to_samples(500), np.float32)
    assert not is_echo(kept(silence, babble(0.5, seed=5)))
    assert not is_echo(kept(babble(0.5, seed=5), silence))


def test_nothing_is_said_before_enough_was_heard() -> None:
    reference = babble(0.1, seed=6)
    assert match(kept(reference, reference)) == 0


def test_echo_that_was_subtracted_does_not_count() -> None:
    reference = babble(0.5, seed=7)
    person = babble(0.5, seed=8)
    heard: Block = person + np.roll(reference, ms_to_samples(30))
    assert is_echo(kept(heard, reference))
    assert not is_echo(kept(person, reference, heard))


def test_person_who_speaks_may_resemble_the_reference() -> None:
    reference = babble(0.5, seed=9)
    resembling: Block = np.roll(reference, ms_to_samples(30)) * np.float32(0.6)
    resembling += babble(0.5, seed=10)
    assert 10 < match(kept(resembling, reference)) < 16
    assert is_echo(kept(resembling, reference))
    assert not is_echo(kept(resembling, reference), beside_voice=True)


def test_person_resembles_the_reference_while_the_echo_has_not_moved() -> None:
    reference = babble(0.5, seed=9)
    person: Block = np.roll(reference, ms_to_samples(45)) * np.float32(0.6)
    person += babble(0.5, seed=10)
    echo = np.roll(reference, ms_to_samples(30)) * np.float32(0.25)
    assert is_echo(kept(person, reference))
    assert not is_echo(kept(person, reference, person + echo))


def test_echo_that_has_moved_is_subtracted_where_it_was() -> None:
    reference = babble(0.5, seed=11)
    moved: Block = np.roll(reference, ms_to_samples(45)) * np.float32(0.25)
    moved += babble(0.5, seed=12, peak=0.01)
    before = np.roll(reference, ms_to_samples(30)) * np.float32(0.25)
    assert is_echo(kept(moved - before, reference, moved))
