import numpy as np
import pytest

from pipeline.ears.blocks import Block
from pipeline.ears.echo_match import EchoMatch
from pipeline.pcm import BLOCK_SAMPLES, ms_to_samples
from tests.support.echoes import Sound, babble


def matched(residual: Sound, reference: Sound) -> EchoMatch:
    match = EchoMatch()
    for start in range(0, residual.size, BLOCK_SAMPLES):
        block = slice(start, start + BLOCK_SAMPLES)
        match.keep(residual[block], reference[block])
    return match


@pytest.mark.parametrize("delay_ms", [2, 20, 60])
def test_reference_at_any_delay_is_echo(delay_ms: int) -> None:
    reference = babble(0.5, seed=1)
    residual: Block = np.roll(reference, ms_to_samples(delay_ms)) * np.float32(0.1)
    residual += babble(0.5, seed=2, peak=0.001)
    assert matched(residual, reference).is_echo()


def test_other_sound_is_no_echo() -> None:
    assert not matched(babble(0.5, seed=3), babble(0.5, seed=4)).is_echo()


def test_silence_is_no_echo() -> None:
    silence = np.zeros(ms_to_samples(500), np.float32)
    assert not matched(silence, babble(0.5, seed=5)).is_echo()
    assert not matched(babble(0.5, seed=5), silence).is_echo()


def test_nothing_is_said_before_enough_was_heard() -> None:
    reference = babble(0.1, seed=6)
    assert matched(reference, reference).peak() == 0
