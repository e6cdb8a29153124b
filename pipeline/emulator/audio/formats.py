"""The formats of the wire's sound: appended sound becomes 16 kHz, answers leave as asked for.

`input_format(session)` reads `input_audio_format`, `input_audio_sampling_rate` and
`input_audio_echo_cancellation` of a session object. A sampling rate that is absent or None is the
default of its encoding. `output_format(name, param)` reads `output_audio_format`.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import soxr

from pipeline.emulator.audio.g711 import A_LAW, MU_LAW, Law
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, Samples16k
from pipeline.emulator.wire.events import ClientError, Event, checked
from pipeline.pcm import PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples

Encoding = Literal["pcm16", "g711_ulaw", "g711_alaw"]

_LAWS: dict[str, Law] = {"g711_ulaw": MU_LAW, "g711_alaw": A_LAW}
_LAW_RATE_HZ = 8_000
INPUT_ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
INPUT_RATES_HZ: dict[Encoding, tuple[int, ...]] = {
    "pcm16": (SAMPLE_RATE_HZ, 8_000, 16_000, 44_100),
    "g711_ulaw": (_LAW_RATE_HZ,),
    "g711_alaw": (_LAW_RATE_HZ,),
}
"""The first is the default."""


@dataclass(frozen=True, slots=True)
class InputFormat:
    """The format of appended sound. Two channels are the microphone and the echo's reference."""

    encoding: Encoding = "pcm16"
    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Size of one sample of each channel."""
        return self.channels * (1 if self.encoding in _LAWS else SAMPLE_BYTES)

    def check_whole(self, size_bytes: int) -> None:
        """Raise `ClientError` unless `size_bytes` bytes are whole frames."""
        if size_bytes % self.frame_bytes:
            stereo = " with two channels" if self.channels == 2 else ""
            raise ClientError(
                "invalid_value",
                f"{size_bytes} bytes are not whole samples of {self.encoding}{stereo}.",
                "audio",
            )


class _Resampler:
    """Converts one stream of int16 to another rate; the result does not depend on the slices."""

    def __init__(self, from_hz: int, to_hz: int, quality: str) -> None:
        # With int16 soxr dithers, differently for each slice.
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=quality)

    def resample(self, samples: Samples, *, last: bool = False) -> Samples:
        resampled = self._stream.resample_chunk(samples.astype(np.float32), last=last)
        int16: Samples = np.rint(resampled).clip(-32_768, 32_767).astype(np.int16)
        return int16


class InputDecoder:
    """Decodes one stream of appended sound; each `decode` continues the one before."""

    def __init__(self, format_: InputFormat) -> None:
        self.format = format_
        self._law = _LAWS.get(format_.encoding)
        self._resampler = None
        if format_.rate_hz != RATE_16K_HZ:
            # A better quality helps neither the detector nor the recogniser; this one has no delay.
            self._resampler = _Resampler(format_.rate_hz, RATE_16K_HZ, "QQ")

    def decode(self, data: bytes) -> Samples16k:
        """Return frames of sound as 16 kHz mono; raise `ClientError` if they are not whole.

        The second channel, the echo's reference, is left out.
        """
        self.format.check_whole(len(data))
        if self._law is not None:
            samples = self._law.decode(data)
        else:
            samples = np.frombuffer(data, PCM16)[:: self.format.channels]
        if self._resampler is not None:
            samples = self._resampler.resample(samples)
        return samples


def input_format(session: Event) -> InputFormat:
    """Return the format of appended sound that a session object asks for; raise `ClientError`."""
    encoding = _encoding(session.get("input_audio_format", "pcm16"))
    rates_hz = INPUT_RATES_HZ[encoding]
    rate_hz = session.get("input_audio_sampling_rate")
    if rate_hz is None:
        rate_hz = rates_hz[0]
    if isinstance(rate_hz, bool) or rate_hz not in rates_hz:
        names = ", ".join(map(str, sorted(rates_hz)))
        raise ClientError(
            "invalid_value",
            f"Invalid value: {rate_hz!r}. Supported rates of {encoding} are: {names}.",
            "session.input_audio_sampling_rate",
        )
    return InputFormat(encoding, int(rate_hz), _channels(session, encoding))


def _encoding(value: object) -> Encoding:
    for encoding in INPUT_ENCODINGS:
        if value == encoding:
            return encoding
    names = ", ".join(map(repr, INPUT_ENCODINGS))
    raise ClientError(
        "invalid_value",
        f"Invalid value: {value!r}. Supported values are: {names}.",
        "session.input_audio_format",
    )


def _channels(session: Event, encoding: Encoding) -> int:
    """Return two if the client sends the echo's reference, else one; raise `ClientError`."""
    at = "session.input_audio_echo_cancellation"
    echo: dict[str, Any] = checked(session.get("input_audio_echo_cancellation") or {}, dict, at)
    source = echo.get("reference_source") or "server"
    channels = 1 if echo.get("channels") is None else echo["channels"]
    if source not in ("server", "client"):
        raise ClientError(
            "invalid_value",
            f"Invalid value: {source!r}. Supported values are: 'server', 'client'.",
            f"{at}.reference_source",
        )
    if checked(channels, int, f"{at}.channels") not in (1, 2):
        raise ClientError(
            "invalid_value",
            f"Invalid value: {channels}. Supported values are: 1, 2.",
            f"{at}.channels",
        )
    if source == "client" and channels == 1:
        raise ClientError(
            "invalid_ec_reference_channels",
            "A reference from the client needs 2 channels, 1 was given.",
            f"{at}.channels",
        )
    if source == "server" and channels == 2:
        raise ClientError(
            "invalid_ec_channels_requires_client",
            "2 channels need a reference from the client: set reference_source to 'client'.",
            f"{at}.reference_source",
        )
    if channels == 2 and encoding != "pcm16":
        raise ClientError(
            "invalid_ec_channels_format",
            "2 channels can be appended only as pcm16.",
            "session.input_audio_format",
        )
    return channels


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
    "g711_ulaw": OutputFormat("g711_ulaw", _LAW_RATE_HZ),
    "g711_alaw": OutputFormat("g711_alaw", _LAW_RATE_HZ),
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
        self._law = _LAWS.get(format_.encoding)
        self._resampler = None
        if format_.rate_hz != SAMPLE_RATE_HZ:
            self._resampler = _Resampler(SAMPLE_RATE_HZ, format_.rate_hz, "HQ")

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
