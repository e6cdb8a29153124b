"""The compiled kernel computes what numpy computes; without it the ears do with numpy."""

import sys
from typing import Any

import numpy as np
import pytest

from pipeline import pcm
from pipeline.ears import compiled, linear_canceller
from pipeline.ears.blocks import Cancelled, power, scaled, to_float, to_pcm16
from pipeline.ears.compiled import Canceller
from pipeline.pcm import BLOCK_SAMPLES, Samples
from tests.support.echoes import babble, blocks, echo, pcm16

SECONDS = 6
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
    person[: SECONDS * 8_000] = 0
    return pcm16(microphone + person * np.float32(0.2)), pcm16(played)


def cancel(canceller: Canceller) -> list[Cancelled]:
    return [canceller.cancel(*simultaneous) for simultaneous in blocks(*heard())]


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
