"""Subtract the echo of the reference: a partitioned-block frequency-domain Kalman filter.

After Enzner and Vary (2006) and Kuech et al. (2014). The filter is linear: it leaves speech as it
is and adds no delay. Each partition models 10 ms of the echo path.

`kernel` does the same sums in a quarter of the time, where it could be compiled.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.ears.blocks import Block, Cancelled, power, to_float, to_pcm16
from pipeline.pcm import BLOCK_SAMPLES, Samples

PARTITIONS = 20
REMEMBERED_REFERENCES = PARTITIONS + 1
"""Blocks: a window of two for each partition."""
CONSTRAINED_PARTITIONS = 8
"""In every fourth block those that have changed most: as good as all, at a tenth of the cost."""
BLOCKS_PER_CONSTRAINT = 4
BLOCKS_PER_SPREAD = 16
FORGETTING = 0.997**2
"""Slower forgetting removes 1 dB more, but learns a moved path more slowly."""
KEPT = 0.995
"""Of the weights, after a block that is louder without the echo than with it: near speech makes the
weights grow, and with them their uncertainty, as long as it lasts."""
INITIAL_DECAY_PARTITIONS = 6
INITIAL_ERROR_POWER = 1e-2
ERROR_SMOOTHING = 0.8
STATE_GAIN = 0.7
"""Theory says 0.5, the share of a window that is new: this removes 3 dB more of a voice."""
POWER_FLOOR = 1e-7
UNCERTAINTY_FLOOR = 3e-6
"""So that a filter that has found no echo learns within a second that a plug was pulled."""


class LinearCanceller:
    """Learns the echo path from each block and returns the microphone without the echo.

    The reference is used one block after it is given, so that two transforms serve a whole block:
    it must precede the echo by at least one block.
    """

    def __init__(self) -> None:
        bins = BLOCK_SAMPLES + 1
        shape = (PARTITIONS, bins)
        # Written twice, `PARTITIONS` rows apart, so that the newest rows are always contiguous.
        self._spectra = np.zeros((2 * PARTITIONS, bins), np.complex64)
        self._conjugates = np.zeros_like(self._spectra)
        self._powers = np.zeros((2 * PARTITIONS, bins), np.float32)
        self._newest = 0
        self._weights = np.zeros(shape, np.complex64)
        self._weight_powers = np.zeros((PARTITIONS + 2, bins), np.float32)
        self._process_noise = np.full(shape, UNCERTAINTY_FLOOR, np.float32)
        decay = np.exp(-np.arange(PARTITIONS) / INITIAL_DECAY_PARTITIONS)
        self._uncertainty: npt.NDArray[np.float32] = np.repeat(
            decay.astype(np.float32)[:, np.newaxis], bins, axis=1
        )
        self._error_power = np.full(bins, INITIAL_ERROR_POWER, np.float32)
        self._changed = np.zeros(PARTITIONS, np.float32)
        self._blocks = 0
        self._ones = np.ones(PARTITIONS, np.float32)
        self._complex = np.zeros(shape, np.complex64)
        self._complex_uncertainty = np.zeros(shape, np.complex64)
        self._excitation = np.zeros(shape, np.float32)
        self._summed = np.zeros(bins, np.complex64)
        self._summed_time = np.zeros(2 * BLOCK_SAMPLES, np.float32)
        self._echo = self._summed_time[BLOCK_SAMPLES:]
        self._windows = np.zeros((2, 2 * BLOCK_SAMPLES), np.float32)
        self._window_spectra = np.zeros((2, bins), np.complex64)
        self._residual = self._windows[1, BLOCK_SAMPLES:]
        constrained = (CONSTRAINED_PARTITIONS, 2 * BLOCK_SAMPLES)
        self._responses = np.zeros(constrained, np.float32)

    def cancel(self, microphone: Samples, reference: Samples) -> Cancelled:
        """Return the next 240 samples of `microphone` less the echo."""
        near, far = to_float(microphone), to_float(reference)
        window = slice(self._newest, self._newest + PARTITIONS)
        self._estimate_echo(window)
        np.subtract(near, self._echo, out=self._residual)
        self._transform(far)
        residual = self._residual.copy()
        powers = [power(sound) for sound in (near, far, self._echo, residual)]
        cancelled = Cancelled(residual, to_pcm16(residual), *powers)
        if cancelled.residual_power > cancelled.microphone_power:
            self._weights *= np.float32(KEPT)
        self._learn(window)
        self._push_reference()
        return cancelled

    def reference_moved(self, later_blocks: int, references: Sequence[Samples]) -> None:
        """Move what was learnt: the reference is given `later_blocks` later from now on.

        :param references: the latest `REMEMBERED_REFERENCES` blocks, as they would have been given
        """
        moved = np.arange(PARTITIONS) + later_blocks
        kept = np.clip(moved, 0, PARTITIONS - 1)
        self._weights = self._weights[kept]
        self._weights[moved != kept] = 0
        self._uncertainty = self._uncertainty[kept]
        for reference in references:
            self._transform(to_float(reference))
            self._push_reference()

    def _estimate_echo(self, window: slice) -> None:
        np.multiply(self._spectra[window], self._weights, out=self._complex)
        np.add.reduce(self._complex, axis=0, out=self._summed)
        np.fft.irfft(self._summed, out=_untyped(self._summed_time))

    def _transform(self, reference: Block) -> None:
        """Transform the next reference and the residual, in one call: it costs more than both."""
        self._windows[0, :BLOCK_SAMPLES] = self._windows[0, BLOCK_SAMPLES:]
        self._windows[0, BLOCK_SAMPLES:] = reference
        np.fft.rfft(self._windows, axis=1, out=_untyped(self._window_spectra))

    def _learn(self, window: slice) -> None:
        self._update(window)
        self._blocks += 1
        if self._blocks % BLOCKS_PER_CONSTRAINT == 0:
            self._note_changes()
            self._constrain(self._most_changed())
        if self._blocks % BLOCKS_PER_SPREAD == 0:
            self._spread_process_noise()

    def _note_changes(self) -> None:
        changes = self._complex.view(np.float32)
        self._changed += np.einsum("pk,pk->p", changes, changes)

    def _most_changed(self) -> npt.NDArray[np.intp]:
        """Return the partitions that have changed most since they were constrained."""
        most = np.argpartition(self._changed, -CONSTRAINED_PARTITIONS)
        group = most[-CONSTRAINED_PARTITIONS:]
        self._changed[group] = 0
        return group

    def _constrain(self, group: npt.NDArray[np.intp]) -> None:
        """Cut the impulse responses of `group` to the length of a block."""
        np.fft.irfft(self._weights[group], axis=1, out=_untyped(self._responses))
        self._responses[:, BLOCK_SAMPLES:] = 0
        self._weights[group] = np.fft.rfft(self._responses, axis=1)

    def _update(self, window: slice) -> None:
        error = self._window_spectra[1]
        error_power = _squared(error)
        self._error_power *= ERROR_SMOOTHING
        self._error_power += (1 - ERROR_SMOOTHING) * error_power + POWER_FLOOR
        np.multiply(self._powers[window], self._uncertainty, out=self._excitation)
        expected = np.matmul(self._ones, self._excitation)
        # The sudden error of near speech counts in full, or its onset would spoil the weights.
        inverse = 1 / (STATE_GAIN * expected + np.maximum(self._error_power, error_power))
        np.multiply(self._conjugates[window], error * inverse, out=self._complex)
        np.copyto(self._complex_uncertainty, self._uncertainty)
        self._complex *= self._complex_uncertainty
        self._weights += self._complex
        # Never negative: the gain times the spectrum is at most 1 / `STATE_GAIN`.
        self._excitation *= inverse * np.float32(-STATE_GAIN * FORGETTING)
        self._excitation += np.float32(FORGETTING)
        self._uncertainty *= self._excitation
        self._uncertainty += self._process_noise

    def _spread_process_noise(self) -> None:
        """Keep partitions ready whose neighbours are in use: paths drift across their borders."""
        powers = self._weight_powers
        powers[1:-1] = _squared(self._weights)
        spread = self._process_noise
        np.add(powers[:-2], powers[2:], out=spread)
        spread += powers[1:-1]
        np.maximum(spread, spread.mean(axis=1, keepdims=True), out=spread)
        spread *= np.float32(1 - FORGETTING)
        spread += np.float32(UNCERTAINTY_FLOOR)

    def _push_reference(self) -> None:
        self._newest = (self._newest - 1) % PARTITIONS
        rows = slice(self._newest, None, PARTITIONS)
        spectrum = self._window_spectra[0]
        self._spectra[rows] = spectrum
        self._conjugates[rows] = np.conjugate(spectrum)
        self._powers[rows] = _squared(spectrum)


def _untyped(out: npt.NDArray[Any]) -> Any:  # noqa: ANN401 - numpy's stubs lack float32
    return out


def _squared(spectrum: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
    squared: npt.NDArray[np.float32] = np.square(spectrum.real)
    squared += np.square(spectrum.imag)
    return squared
