"""The models: spoken words are recognised, and no input makes a model fail."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bench.ears.words import word_errors, words_of
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, Samples16k
from pipeline.emulator.speech import onnx_cache
from pipeline.emulator.speech.detector import DetectorModel, SpeechDetector
from pipeline.emulator.speech.packages import folder_of
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.emulator.speech.synthesiser import Synthesiser
from tests.service.client import read_wav

SENTENCES = (
    "Every evening she climbed the ninety-nine steps, lit the lamp, and looked out.",
    "The farmers did not mind the light, because it helped them to find their way home.",
    "It is five past nine in the morning.",
    "I work offline, without a connection, so I cannot know the weather.",
)
RECORDED = {
    "az_whatstheweatherlike.wav": "What's the weather like?",
    "az_pron.wav": "Hello world. Today is a nice nice day.",
    "az_kws.wav": "Computer, what's the weather like?",
    "jfk.wav": "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country.",
    "ps_goforward.wav": "go forward ten meters",
    "ps_librivox_0880.wav": "he was not an ill disposed young man",
    "ps_librivox_0930.wav": "he might even have been made amiable himself",
    "ps_cards_005.wav": "eight of spades four of clubs seven of hearts",
}
WITH_THE_RECOGNISER = {
    "beckett.wav": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
}
DEBIAN_TESTDATA = Path("/usr/share/pocketsphinx/test/data")
"""The package pocketsphinx-testdata."""
_AUSTEN = "librivox/sense_and_sensibility_01_austen_64kb-"
IN_DEBIAN = {
    "cards/001.wav": "ten of clubs",
    "cards/002.wav": "four queen of clubs",
    "cards/003.wav": "seven of clubs",
    "cards/004.wav": "five five",
    "cards/005.wav": "eight of spades four of clubs seven of hearts",
    f"{_AUSTEN}0870.wav": "and mr john dashwood had then leisure to consider how much there might "
    "be prudently in his power to do for them",
    f"{_AUSTEN}0880.wav": "he was not an ill disposed young man",
    f"{_AUSTEN}0890.wav": "unless to be rather cold hearted and rather selfish is to be "
    "ill disposed",
    f"{_AUSTEN}0920.wav": "had he married a more a amiable woman he might have been made still "
    "more respectable than he was",
    f"{_AUSTEN}0930.wav": "he might even have been made amiable himself",
}
MOST_WORD_ERRORS = 0.08


def test_what_the_voice_says_is_understood(
    voice: Synthesiser, recogniser: Recogniser, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [
        Said(f"said the {nth} time", text, soxr.resample(voice.say(text), 24_000, RATE_16K_HZ))
        for text in SENTENCES
        for nth in ("1st", "2nd", "3rd")  # the synthesiser is random
    ]
    assert word_error_rate(recogniser, said, capsys) <= MOST_WORD_ERRORS


def test_recorded_speech_is_understood(
    recogniser: Recogniser, speech_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [recorded(speech_dir / name, words) for name, words in RECORDED.items()]
    assert word_error_rate(recogniser, said, capsys) <= MOST_WORD_ERRORS


def test_speech_in_installed_packages_is_understood(
    recogniser: Recogniser, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("moonshine_cpp") / "test-data"
    said = [recorded(folder / name, words) for name, words in WITH_THE_RECOGNISER.items()]
    if DEBIAN_TESTDATA.is_dir():
        said += [recorded(DEBIAN_TESTDATA / name, words) for name, words in IN_DEBIAN.items()]
    assert word_error_rate(recogniser, said, capsys) <= MOST_WORD_ERRORS


class Said(NamedTuple):
    """Speech with its `words`; `samples` are int16, 16 kHz."""

    by: str
    words: str
    samples: Samples16k


def recorded(path: Path, words: str) -> Said:
    samples, rate_hz = read_wav(path)
    return Said(path.name, words, soxr.resample(samples, rate_hz, RATE_16K_HZ))


def word_error_rate(
    recogniser: Recogniser, said: Sequence[Said], capsys: pytest.CaptureFixture[str]
) -> float:
    """Print the word errors of each; return the share of wrong words."""
    rows, errors = [], 0
    for each in said:
        understood = recogniser.transcribe(each.samples)
        wrong = word_errors(words_of(each.words), words_of(understood))
        errors += wrong
        rows.append(
            f"{wrong:3} of {len(words_of(each.words)):2} words wrong  {each.by}: {understood}"
        )
    rate = errors / sum(len(words_of(each.words)) for each in said)
    with capsys.disabled():
        print("", *rows, f"word error rate {rate:.1%}", sep="\n")  # noqa: T201 - a figure to see
    return rate


def test_words_have_no_quotation_marks(voice: Synthesiser, recogniser: Recogniser) -> None:
    """The model puts this question in quotation marks about every other time."""
    for _ in range(4):
        asked = soxr.resample(
            voice.say("What time is it in Tokyo and in Berlin?"), 24_000, RATE_16K_HZ
        )
        understood = recogniser.transcribe(asked)
        assert understood == understood.strip("\"' ")


@pytest.mark.parametrize("level", [0, 30, 3_000])
def test_silence_and_noise_have_no_words(recogniser: Recogniser, level: int) -> None:
    noise = np.random.default_rng(7).normal(0, level, 16_000 * 3).astype(np.int16)
    assert recogniser.transcribe(noise) == ""


def test_the_detector_tells_speech_from_silence(voice: Synthesiser) -> None:
    speech = soxr.resample(voice.say("Hello there, how are you?"), 24_000, 16_000)
    detector = SpeechDetector(DetectorModel())
    starts = range(0, speech.size - 511, 512)
    loud = [detector.probability(speech[start : start + 512]) for start in starts]
    detector.reset()
    quiet = [detector.probability(np.zeros(512, np.int16)) for _ in range(20)]
    assert max(loud) > 0.9
    assert max(quiet) < 0.2


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_said(voice: Synthesiser, text: str) -> None:
    assert voice.say(text).dtype == np.int16


@pytest.mark.parametrize(
    "text",
    ["", " ", "...", "🙂", "'", "-", "42", "3.14", "10:30", "007", "x" * 500, "9" * 400, "日本"],
)
def test_odd_text_can_be_said(voice: Synthesiser, text: str) -> None:
    assert voice.say(text).size < 24_000 * 60


@pytest.fixture
def encoder() -> Path:
    return folder_of("moonshine_cpp") / "models" / "base-en" / "encoder_model.ort"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folded_model_is_kept(encoder: Path, cache: Path) -> None:
    onnx_cache.open_folded(encoder, "moonshine_cpp")
    (kept,) = cache.rglob("*.onnx")
    before = kept.stat()
    onnx_cache.open_folded(encoder, "moonshine_cpp")
    assert kept.stat() == before or kept.stat().st_mtime_ns == before.st_mtime_ns


def test_a_damaged_cache_is_made_anew(encoder: Path, cache: Path) -> None:
    onnx_cache.open_folded(encoder, "moonshine_cpp")
    (kept,) = cache.rglob("*.onnx")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1_000])
    assert onnx_cache.open_folded(encoder, "moonshine_cpp").get_inputs()
    assert kept.read_bytes() == whole


def test_no_cache_can_be_written(encoder: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert onnx_cache.open_folded(encoder, "moonshine_cpp").get_inputs()
    assert [path.name for path in cache.parent.iterdir()] == ["cache"]


def test_no_file_can_be_written_at_all(
    encoder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where the folder should be")
    monkeypatch.setattr("tempfile.tempdir", str(cache / "temporary"))
    assert onnx_cache.open_folded(encoder, "moonshine_cpp").get_inputs()
