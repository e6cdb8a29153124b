"""The compiled kernel computes what numpy computes; without it the ears do with numpy."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline import pcm
from pipeline.ears import compiled, linear_canceller
from pipeline.ears.blocks import Cancelled, power, scaled, to_float, to_pcm16
from pipeline.ears.compiled import Canceller
from pipeline.ears.linear_canceller import REMEMBERED_REFERENCES
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples
from tests.support.echoes import babble, blocks, echo, pcm16

SECONDS = 6
PERSON_FROM_S = 2
MOVED_AT = 150
"""Block from which the reference is given later, or earlier."""
JUMPS_AT = 300
"""Block at which the echo moves: every partition learns anew."""


@pytest.fixture
def kernel() -> Any:
    return pytest.importorskip("pipeline.ears.kernel", reason="no compiler")


def heard() -> tuple[Samples, Samples]:
    """Return a microphone that hears an echo which moves, and a person at times; the reference."""
    played = babble(SECONDS, seed=1)
    microphone = echo(played, 0.3)
    microphone[JUMPS_AT * BLOCK_SAMPLES :] = np.roll(microphone, 100)[JUMPS_AT * BLOCK_SAMPLES :]
    person = babble(SECONDS, seed=2)
    person[: PERSON_FROM_S * SAMPLE_RATE_HZ] = 0
    return pcm16(microphone + person * np.float32(0.2)), pcm16(played)


def cancel(canceller: Canceller) -> list[Cancelled]:
    return [canceller.cancel(*simultaneous) for simultaneous in blocks(*heard())]


def moved(canceller: Canceller, later_blocks: int) -> list[Cancelled]:
    """Cancel; from `MOVED_AT` on the reference is given later, or what was given later is not."""
    microphone, played = heard()
    sooner, later = (
        blocks(np.roll(played, count * BLOCK_SAMPLES)) for count in (0, abs(later_blocks))
    )
    given, then = (sooner, later) if later_blocks > 0 else (later, sooner)
    cancelled = []
    for number, (near,) in enumerate(blocks(microphone)):
        if number == MOVED_AT:
            given = then
            latest = [block for (block,) in given[number - REMEMBERED_REFERENCES : number]]
            canceller.reference_moved(later_blocks, latest)
        cancelled.append(canceller.cancel(near, given[number][0]))
    return cancelled


def left_db(cancelled: list[Cancelled], start: int) -> float:
    """Return what is left of the echo in half a second from block `start` on."""
    after = cancelled[start : start + 50]
    before = sum(block.microphone_power for block in after)
    return float(10 * np.log10(sum(block.residual_power for block in after) / before))


@pytest.mark.parametrize("later_blocks", [-2, -1, 1, 2])
@pytest.mark.parametrize("module", ["kernel", "linear_canceller"])
def test_what_was_learnt_moves_with_the_reference(module: str, later_blocks: int) -> None:
    found = pytest.importorskip(f"pipeline.ears.{module}", reason="no compiler")
    cancelled = moved(found.LinearCanceller(), later_blocks)
    before = left_db(cancelled, MOVED_AT - 50)
    assert before < -10
    assert left_db(cancelled, MOVED_AT) < before + 1


@pytest.mark.parametrize("later_blocks", [-1, 2])
def test_the_kernel_moves_what_was_learnt_as_numpy_does(kernel: Any, later_blocks: int) -> None:
    found = moved(kernel.LinearCanceller(), later_blocks)
    expected = moved(linear_canceller.LinearCanceller(), later_blocks)
    residual = np.concatenate([block.residual for block in found])
    plain = np.concatenate([block.residual for block in expected])
    assert power(residual - plain) < 1e-8 * power(plain)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows may have no compiler")
def test_the_kernel_is_compiled_by_the_installation() -> None:
    assert compiled.COMPILED


def test_the_kernel_cancels_as_numpy_does(kernel: Any) -> None:
    found, expected = cancel(kernel.LinearCanceller()), cancel(linear_canceller.LinearCanceller())
    residual = np.concatenate([block.residual for block in found])
    plain = np.concatenate([block.residual for block in expected])
    assert power(residual - plain) < 1e-8 * power(plain)
    for block, same in zip(found, expected, strict=True):
        assert np.array_equal(block.cleaned, to_pcm16(block.residual))
        assert block[2:] == pytest.approx(same[2:], rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("module", ["kernel", "linear_canceller"])
def test_a_silent_reference_leaves_the_microphone_as_it_is(module: str) -> None:
    found = pytest.importorskip(f"pipeline.ears.{module}", reason="no compiler")
    canceller, silence = found.LinearCanceller(), np.zeros(BLOCK_SAMPLES, np.int16)
    for (microphone,) in blocks(heard()[0]):
        cancelled = canceller.cancel(microphone, silence)
        assert cancelled.echo_power == 0
        assert np.array_equal(cancelled.residual, to_float(microphone))
        assert np.array_equal(cancelled.cleaned, microphone)


@pytest.mark.parametrize("module", ["kernel", "linear_canceller"])
def test_what_exceeds_full_scale_is_clipped(module: str) -> None:
    found = pytest.importorskip(f"pipeline.ears.{module}", reason="no compiler")
    canceller, loud = found.LinearCanceller(), pcm16(np.sign(babble(2, seed=3)))
    for microphone, reference in blocks(np.roll(loud, 300), loud):
        cancelled = canceller.cancel(microphone, reference)
        assert np.array_equal(cancelled.cleaned, to_pcm16(cancelled.residual))
    assert np.isfinite(cancelled.residual).all()


@pytest.mark.parametrize("sample", [0, 1, -1, 32_767, -32_768])
def test_the_kernel_finds_the_peak(kernel: Any, sample: int) -> None:
    block = np.zeros(BLOCK_SAMPLES, np.int16)
    block[-1] = sample
    assert kernel.peak(block) == pcm.peak(block) == abs(sample)


@pytest.mark.parametrize(("begin", "end"), [(1, 1), (0, 0), (0.05, 0.05), (1, 0.05), (0, 1)])
def test_the_kernel_scales_as_numpy_does(kernel: Any, begin: float, end: float) -> None:
    (block,) = next(iter(blocks(heard()[0][:BLOCK_SAMPLES])))
    found, plain = kernel.scaled(block, begin, end), scaled(block, begin, end)
    assert (found.dtype, found.shape) == (plain.dtype, plain.shape)
    assert np.abs(found.astype(int) - plain).max() <= 1  # cut off, not rounded


@pytest.mark.parametrize("samples", [0, BLOCK_SAMPLES - 1, BLOCK_SAMPLES + 1])
def test_the_kernel_takes_whole_blocks_only(kernel: Any, samples: int) -> None:
    with pytest.raises(ValueError, match="a block holds 240 samples of 16 bits, not"):
        kernel.peak(np.zeros(samples, np.int16))


def test_without_the_kernel_numpy_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.ears.kernel", None)
    monkeypatch.delattr("pipeline.ears.kernel", raising=False)
    assert compiled._load() == (linear_canceller.LinearCanceller, pcm.peak, scaled)


def test_the_kernel_of_an_older_installation_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    older = SimpleNamespace(LinearCanceller=object, peak=pcm.peak, scaled=scaled)
    monkeypatch.setitem(sys.modules, "pipeline.ears.kernel", older)
    monkeypatch.setattr("pipeline.ears.kernel", older, raising=False)
    assert compiled._load().canceller is linear_canceller.LinearCanceller
