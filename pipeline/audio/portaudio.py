"""Real cards, through PortAudio.

Only this module imports PyAudio, and only inside functions: PortAudio talks to the sound system as
soon as it is initialised, so it belongs in the audio processes and nowhere else.

Only PortAudio's callback interface is used: blocking reads and writes cost a buffer more, and on
JACK (PortAudio 19.6) they assume 8 bytes a frame and corrupt memory.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from pipeline.audio.host_apis import rank
from pipeline.audio.streams import Direction, OnPeriod, Render
from pipeline.audio.xruns import XrunLog
from pipeline.errors import DeviceError
from pipeline.ipc.reports import Device
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, Samples, samples_to_ns

StreamCallback = Callable[[bytes | None, int, Mapping[str, float], int], tuple[bytes | None, int]]


def list_devices() -> list[Device]:
    """The cards that PortAudio finds, in its order."""
    port_audio = _port_audio()
    try:
        return _list(port_audio)
    finally:
        port_audio.terminate()


class _Stream:
    """A PortAudio stream in one direction, at 24 kHz or, if the card refuses, at its own rate."""

    def __init__(
        self,
        direction: Direction,
        device: Device,
        period_ms: float,
        callback: StreamCallback,
    ) -> None:
        self._direction = direction
        self._period_ms = period_ms
        self._callback = callback
        self._callback_error: Exception | None = None
        self._closed = False
        self._port_audio = _port_audio()
        try:
            self._device = self._find(device)
            self.rate_hz, self.channels, self._stream = self._open()
        except DeviceError:
            self._port_audio.terminate()
            raise
        self.description = (
            f"{self._device.name} ({self._device.host_api}): {self.rate_hz} Hz, "
            f"{self.channels} channel(s), period {period_ms:g} ms"
        )

    def start(self) -> None:
        self._stream.start_stream()

    def check(self) -> None:
        if self._callback_error is not None:
            raise self._callback_error
        if not self._stream.is_active():
            raise DeviceError(f"{self.description} stopped: was it unplugged? Start again.")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):  # unplugged
            self._stream.stop_stream()  # what the card holds is heard; closing throws it away
        self._stream.close()
        self._port_audio.terminate()

    def _call(self, *period: Any) -> Any:  # noqa: ANN401 - PyAudio has no types
        try:
            return self._callback(*period)
        except Exception as error:  # noqa: BLE001 - PortAudio would only say that the stream stopped
            self._callback_error = error  # before the stream stops: `check` looks here first
            return None, _ABORT

    def _find(self, wanted: Device) -> Device:
        """Numbers move when a card is plugged in; names may be those of several cards."""
        named = [
            device
            for device in _list(self._port_audio)
            if (device.name, device.host_api) == (wanted.name, wanted.host_api)
        ]
        if not named:
            raise DeviceError(
                f"{wanted.name} ({wanted.host_api}) has disappeared: plug it in, or choose another."
            )
        return next((device for device in named if device.index == wanted.index), named[0])

    def _open(self) -> tuple[int, int, Any]:
        """Rate in Hz, channels and stream of the first combination that the card accepts."""
        reason: Exception | None = None
        for rate_hz in (SAMPLE_RATE_HZ, self._device.default_rate_hz):
            for channels in self._channel_counts():
                try:
                    return rate_hz, channels, self._open_with(rate_hz, channels)
                except (OSError, ValueError) as error:
                    reason = error
        raise DeviceError(
            f"{self._device} refuses PCM16 {self._direction} ({reason}): choose another device."
        )

    def _channel_counts(self) -> tuple[int, ...]:
        """Return what to ask for, best first.

        A pair to play, as mono sounds on the left side only where nobody mixes it up; mono to
        record, as the second channel would be thrown away.
        """
        if self._direction == "output":
            return (2, 1) if self._device.output_channels > 1 else (1,)
        return (1, 2)

    def _open_with(self, rate_hz: int, channels: int) -> Any:  # noqa: ANN401 - PyAudio has no types
        import pyaudio

        return self._port_audio.open(
            format=pyaudio.paInt16,
            rate=rate_hz,
            channels=channels,
            frames_per_buffer=max(1, round(rate_hz * self._period_ms / 1_000)),
            stream_callback=self._call,
            start=False,
            **{
                self._direction: True,
                f"{self._direction}_device_index": self._device.index,
            },
        )


class PortAudioMicrophone:
    """A card that records. `missed` are periods lost before they reached us."""

    clock_start_ns = 0
    ended = False

    def __init__(self, device: Device, period_ms: float, missed: XrunLog) -> None:
        self._missed = missed
        self._stream = _Stream("input", device, period_ms, self._recorded)
        self.rate_hz = self._stream.rate_hz
        self.description = self._stream.description
        self.check = self._stream.check
        self.close = self._stream.close

    def start(self, on_period: OnPeriod) -> None:
        self._on_period = on_period
        self._stream.start()

    def _recorded(
        self, interleaved: bytes | None, frames: int, time_info: Mapping[str, float], status: int
    ) -> tuple[bytes | None, int]:
        now_ns = time.monotonic_ns()
        if status & _INPUT_OVERFLOW:
            self._missed.add(now_ns, now_ns)
        captured_at_ns = now_ns - _since_captured_ns(time_info, frames, self.rate_hz)
        samples = np.frombuffer(interleaved or b"", np.int16)
        self._on_period(samples[:: self._stream.channels], captured_at_ns)
        return None, _CONTINUE


class PortAudioSpeaker:
    """A card that plays. `missed` are periods that the card did not get in time."""

    clock_start_ns = 0

    def __init__(self, device: Device, period_ms: float, missed: XrunLog) -> None:
        self._missed = missed
        self._period = np.zeros(0, np.int16)
        self._stream = _Stream("output", device, period_ms, self._wanted)
        self.rate_hz = self._stream.rate_hz
        self.description = self._stream.description
        self.check = self._stream.check
        self.close = self._stream.close

    def start(self, render: Render) -> None:
        self._render = render
        self._stream.start()

    def _wanted(
        self, _recorded: bytes | None, frames: int, time_info: Mapping[str, float], status: int
    ) -> tuple[bytes | None, int]:
        now_ns = time.monotonic_ns()
        if status & _OUTPUT_UNDERFLOW:
            self._missed.add(now_ns, now_ns)
        out = self._buffer(frames)
        self._render(out, now_ns + _until_sounding_ns(time_info))
        return out.repeat(self._stream.channels).tobytes(), _CONTINUE

    def _buffer(self, frames: int) -> Samples:
        if len(self._period) != frames:
            self._period = np.zeros(frames, np.int16)
        return self._period


_CONTINUE = 0  # paContinue
_ABORT = 2  # paAbort
_INPUT_OVERFLOW = 0x2  # paInputOverflow
_OUTPUT_UNDERFLOW = 0x4  # paOutputUnderflow


def _since_captured_ns(time_info: Mapping[str, float], frames: int, rate_hz: int) -> int:
    """Age of the first sample. Some host APIs leave the time at 0: then it is one period."""
    age_s = time_info["current_time"] - time_info["input_buffer_adc_time"]
    if not time_info["input_buffer_adc_time"] or not 0 <= age_s < 1:
        return samples_to_ns(frames, rate_hz)
    return int(age_s * NS_PER_S)


def _until_sounding_ns(time_info: Mapping[str, float]) -> int:
    """Time until the first sample leaves the card; 0 where the host API does not tell."""
    ahead_s = time_info["output_buffer_dac_time"] - time_info["current_time"]
    return int(ahead_s * NS_PER_S) if 0 <= ahead_s < 1 else 0


def _port_audio() -> Any:  # noqa: ANN401 - PyAudio has no types
    import pyaudio

    return pyaudio.PyAudio()


def _list(port_audio: Any) -> list[Device]:  # noqa: ANN401 - PyAudio has no types
    count = port_audio.get_host_api_count()
    host_apis = [port_audio.get_host_api_info_by_index(index) for index in range(count)]
    default_input = _default_index(host_apis, "defaultInputDevice")
    default_output = _default_index(host_apis, "defaultOutputDevice")
    devices = []
    for index in range(port_audio.get_device_count()):
        info = port_audio.get_device_info_by_index(index)
        devices.append(
            Device(
                index=index,
                name=info["name"],
                host_api=host_apis[info["hostApi"]]["name"],
                input_channels=info["maxInputChannels"],
                output_channels=info["maxOutputChannels"],
                default_rate_hz=int(info["defaultSampleRate"]),
                is_default_input=index == default_input,
                is_default_output=index == default_output,
            )
        )
    return devices


def _default_index(host_apis: list[Mapping[str, Any]], key: str) -> int | None:
    """The default card of the quickest host API that has one; PortAudio itself takes the first."""
    having = [host_api for host_api in host_apis if host_api[key] >= 0]
    return min(having, key=lambda api: rank(api["name"]))[key] if having else None
