from pathlib import Path

import numpy as np
import pytest

from pipeline.ears.blocks import BLOCK_16K_SAMPLES
from pipeline.ears.detectors import StaggeredSilero
from pipeline.ears.downsampler import Downsampler
from pipeline.ears.onnx_weights import read_weights
from pipeline.ears.silero import WINDOW_SAMPLES, SileroStream, load_silero
from pipeline.emulator.speech.detector import DetectorModel, SpeechDetector
from tests.support.echoes import babble, blocks, pcm16


def test_numpy_gives_the_probabilities_of_onnxruntime() -> None:
    ours, theirs = SileroStream(load_silero()), SpeechDetector(DetectorModel())
    sound = pcm16(babble(2, seed=1))
    for start in range(0, sound.size - WINDOW_SAMPLES, WINDOW_SAMPLES):
        window = sound[start : start + WINDOW_SAMPLES]
        expected = theirs.probability(window)
        assert ours.probability(np.asarray(window / 32_768, np.float32)) == pytest.approx(
            expected, abs=1e-4
        )


def test_detector_catches_up_after_a_short_rest() -> None:
    model = load_silero()
    rested, awake = StaggeredSilero(model), StaggeredSilero(model)
    sound = babble(0.15, seed=2)
    for start in range(0, sound.size - BLOCK_16K_SAMPLES, BLOCK_16K_SAMPLES):
        for detector in (rested, awake):
            detector.keep(sound[start : start + BLOCK_16K_SAMPLES])
        awake.likelihood()
    assert rested.likelihood() == awake.likelihood()


def test_detector_begins_anew_after_a_long_rest() -> None:
    model = load_silero()
    rested, fresh = StaggeredSilero(model), StaggeredSilero(model)
    sound = babble(2, seed=3)[:32_000]
    rested.keep(sound[:BLOCK_16K_SAMPLES])
    for start in range(0, sound.size, BLOCK_16K_SAMPLES):
        rested.keep(sound[start : start + BLOCK_16K_SAMPLES])
    likelihood = rested.likelihood()
    assert 0 <= likelihood <= 1
    assert fresh.likelihood() == 0


@pytest.mark.parametrize("content", [b"\x3a\xff\xff\x7f", b"not a model", b"\x3a\x04\x2a\x02\x0a"])
def test_damaged_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        read_weights(path)


@pytest.mark.parametrize(("tone_hz", "least_db", "most_db"), [(500, -0.1, 0.1), (10_000, -99, -50)])
def test_downsampler_keeps_voice_and_removes_what_would_fold(
    tone_hz: int, least_db: float, most_db: float
) -> None:
    tone = np.sin(2 * np.pi * tone_hz * np.arange(24_000) / 24_000)
    converter = Downsampler()
    converted = [
        converter.convert(np.asarray(block / 32_768, np.float32))
        for (block,) in blocks(pcm16(tone.astype(np.float32)))
    ]
    assert all(block.shape == (160,) for block in converted)
    steady = np.concatenate(converted[10:])
    level_db = 10 * np.log10(2 * np.mean(np.square(steady)))
    assert least_db < level_db < most_db
