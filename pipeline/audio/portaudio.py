"""PortAudio: its devices, and a stream to one of them in one direction.

Only this module imports PyAudio, and only inside functions: PortAudio talks to the sound system as
soon as it is initialised, so only the audio processes may load it.

Only PortAudio's callback interface is used: blocking reads and writes need one more buffer, and on
JACK (PortAudio 19.6) they assume 8 bytes a frame and corrupt memory.
"""

import ctypes
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pipeline.audio.host_apis import rank
from pipeline.audio.streams import Direction
from pipeline.errors import CardLostError, DeviceError
from pipeline.ipc.reports import Device
from pipeline.pcm import SAMPLE_RATE_HZ, Samples
from pipeline.shm.watchdog import Standstill

Output = Samples | None
"""What a callback returns to be played: any C-contiguous array, copied before PyAudio returns."""

CALL_PATIENCE_S = 2.0
"""How long a card that has called may not call; far longer than any period."""

JACK_CALL_PATIENCE_S = 60.0
"""JACK says when its server has died. One that stands still goes on by itself, and hangs for good
if its clients end meanwhile."""

FIRST_CALL_PATIENCE_S = 10.0
"""How long a card may take to its first call; Bluetooth takes seconds."""

_abandoned: list["PortAudioStream"] = []
"""Streams of cards that have gone; kept, because PortAudio must not be asked to free them."""

CONTINUE = 0
"""paContinue: the second value that a callback returns."""

_ABORT = 2  # paAbort

StreamCallback = Callable[[bytes | None, int, Mapping[str, float], int], tuple[Output, int]]


def list_devices() -> list[Device]:
    """List the devices that PortAudio finds, in its order."""
    port_audio = _port_audio()
    try:
        return _list(port_audio)
    finally:
        port_audio.terminate()


class PortAudioStream:
    """A PortAudio stream in one direction, at 24 kHz or, if refused, at the device's own rate."""

    def __init__(
        self,
        direction: Direction,
        device: Device,
        period_ms: float,
        callback: StreamCallback,
        *,
        follows_default: bool,
    ) -> None:
        self._direction = direction
        self._follows_default = follows_default
        self._period_ms = period_ms
        self._callback = callback
        self._callback_error: Exception | None = None
        self._closed = False
        self._lost = False
        self._calls = 0
        self._watch = Standstill(lambda: self._calls)
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
        """Look whether the card still works; call this a few times a second.

        :raises CardLostError: the stream has stopped, or has not called for too long, whatever
            PortAudio says.
        """
        if self._callback_error is not None:
            raise self._callback_error
        self._watch.look(time.monotonic())
        if self._watch.standing_s > self._patience_s() or not self._is_active():
            self._lost = True
            raise CardLostError(f"{self.description} stopped: was it unplugged?")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._lost:  # PortAudio would wait for ever for a sound server that has died
            _abandoned.append(self)
            return
        with suppress(OSError):  # unplugged
            self._stream.stop_stream()  # plays what is buffered; close() alone drops it
        self._stream.close()
        self._port_audio.terminate()

    def _patience_s(self) -> float:
        if self._device.host_api.startswith("JACK"):
            return JACK_CALL_PATIENCE_S
        return CALL_PATIENCE_S if self._watch.moved else FIRST_CALL_PATIENCE_S

    def _is_active(self) -> bool:
        try:
            return bool(self._stream.is_active())
        except OSError:  # PortAudio has no stream any more
            return False

    def _call(self, *period: Any) -> tuple[Output, int]:  # noqa: ANN401 - PyAudio's arguments
        self._calls += 1
        try:
            return self._callback(*period)
        except Exception as error:  # noqa: BLE001 - PortAudio would only say that the stream stopped
            self._callback_error = error  # before the stream stops: `check` looks here first
            return None, _ABORT

    def _find(self, wanted: Device) -> Device:
        """Find the default device, or one by its name, and by its number if several have that name.

        Numbers change when a device is plugged in.
        """
        devices = _list(self._port_audio)
        if self._follows_default:
            name = f"is_default_{self._direction}"
            if default := next((device for device in devices if getattr(device, name)), None):
                return default
        named = [
            device
            for device in devices
            if (device.name, device.host_api) == (wanted.name, wanted.host_api)
        ]
        if not named:
            raise DeviceError(
                f"{wanted.name} ({wanted.host_api}) has disappeared: plug it in, or choose another."
            )
        return next((device for device in named if device.index == wanted.index), named[0])

    def _open(self) -> tuple[int, int, Any]:
        """Open with the first rate and channel count that the device accepts; returns all three."""
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
        """Channel counts to try, best first.

        Two to play, because some host APIs play mono on the left side only; one to record, because
        the second channel would be dropped.
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


def keep_thread_state() -> None:
    """Keep the Python thread state of the calling thread until the thread ends.

    Python did not start PortAudio's thread, so PyAudio would make a thread state for each period
    and delete it again. That maps and unmaps memory each time: a third of what an empty callback
    costs. A reference that is never released keeps the first state.
    """
    ctypes.pythonapi.PyGILState_Ensure()


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
                input_latency_ms=info.get("defaultLowInputLatency", 0.0) * 1_000,
                output_latency_ms=info.get("defaultLowOutputLatency", 0.0) * 1_000,
            )
        )
    return devices


def _default_index(host_apis: list[Mapping[str, Any]], key: str) -> int | None:
    """The default device of the preferred host API that has one; PortAudio takes the first API."""
    having = [host_api for host_api in host_apis if host_api[key] >= 0]
    return min(having, key=lambda api: rank(api["name"]))[key] if having else None
