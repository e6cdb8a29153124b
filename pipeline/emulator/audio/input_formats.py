"""Formats of appended sound, and its decoder to 16 kHz mono."""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from pipeline.emulator.audio.encodings import LAW_RATE_HZ, LAWS, Encoding
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ, Samples16k
from pipeline.emulator.audio.resampler import Resampler
from pipeline.emulator.wire.events import ClientError, Event, checked
from pipeline.pcm import PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ

INPUT_ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
INPUT_RATES_HZ: dict[Encoding, tuple[int, ...]] = {
    "pcm16": (SAMPLE_RATE_HZ, 8_000, 16_000, 44_100),
    "g711_ulaw": (LAW_RATE_HZ,),
    "g711_alaw": (LAW_RATE_HZ,),
}
"""The first rate is the default."""


@dataclass(frozen=True, slots=True)
class InputFormat:
    """The format of appended sound. Two channels are the microphone and the echo's reference."""

    encoding: Encoding = "pcm16"
    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Size of one sample of each channel."""
        return self.channels * (1 if self.encoding in LAWS else SAMPLE_BYTES)

    def check_whole(self, size_bytes: int) -> None:
        """Raise `ClientError` unless `size_bytes` bytes are whole frames."""
        if size_bytes % self.frame_bytes:
            stereo = " with two channels" if self.channels == 2 else ""
            raise ClientError(
                "invalid_value",
                f"{size_bytes} bytes are not whole samples of {self.encoding}{stereo}.",
                "audio",
            )


class InputDecoder:
    """Decodes one stream of appended sound; each `decode` continues the one before."""

    def __init__(self, format_: InputFormat) -> None:
        self.format = format_
        self._law = LAWS.get(format_.encoding)
        self._resampler = None
        if format_.rate_hz != RATE_16K_HZ:
            # A better quality helps neither the detector nor the recogniser; this one has no delay.
            self._resampler = Resampler(format_.rate_hz, RATE_16K_HZ, "QQ")

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
    """Return the format of appended sound that a session object asks for; raise `ClientError`.

    A sampling rate that is absent or None is the default of its encoding.
    """
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
