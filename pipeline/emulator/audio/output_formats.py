"""Formats of an answer's sound, and the encoder from 24 kHz."""

from dataclasses import dataclass

import numpy as np

from pipeline.emulator.audio.encodings import LAW_RATE_HZ, LAWS, Encoding
from pipeline.emulator.audio.resampler import Resampler
from pipeline.emulator.wire.events import ClientError
from pipeline.pcm import PCM16, SAMPLE_RATE_HZ, Samples


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The format of an answer's sound, mono."""

    encoding: Encoding = "pcm16"
    rate_hz: int = SAMPLE_RATE_HZ


OUTPUT_FORMATS: dict[str, OutputFormat] = {
    "pcm16": OutputFormat(),
    **{
        f"pcm16_{rate_hz}hz": OutputFormat("pcm16", rate_hz)
        for rate_hz in (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
    },
    "g711_ulaw": OutputFormat("g711_ulaw", LAW_RATE_HZ),
    "g711_alaw": OutputFormat("g711_alaw", LAW_RATE_HZ),
}


def output_format(name: object, param: str) -> OutputFormat:
    """Return the format `name`, also in older spelling ("pcm16-8000hz"); raise `ClientError`."""
    spelling = name.replace("-", "_") if isinstance(name, str) else ""
    if spelling not in OUTPUT_FORMATS:
        names = ", ".join(map(repr, OUTPUT_FORMATS))
        raise ClientError(
            "invalid_value", f"Invalid value: {name!r}. Supported values are: {names}.", param
        )
    return OUTPUT_FORMATS[spelling]


class OutputEncoder:
    """Encodes the sound of one answer: `encode` for every piece, then `flush` once."""

    def __init__(self, format_: OutputFormat) -> None:
        self._law = LAWS.get(format_.encoding)
        self._resampler = None
        if format_.rate_hz != SAMPLE_RATE_HZ:
            self._resampler = Resampler(SAMPLE_RATE_HZ, format_.rate_hz, "HQ")

    def encode(self, samples: Samples) -> bytes:
        """Take sound at 24 kHz; return the part that is ready, a few milliseconds less at most."""
        if self._resampler is not None:
            samples = self._resampler.resample(samples)
        return self._packed(samples)

    def flush(self) -> bytes:
        """Return the rest."""
        if self._resampler is None:
            return b""
        rest = self._resampler.resample(np.zeros(0, np.int16), last=True)
        self._resampler = None
        return self._packed(rest)

    def _packed(self, samples: Samples) -> bytes:
        if self._law is not None:
            return self._law.encode(samples)
        return samples.astype(PCM16, copy=False).tobytes()
