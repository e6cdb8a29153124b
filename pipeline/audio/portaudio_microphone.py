"""A real microphone, through PortAudio."""

import time
from collections.abc import Mapping

import numpy as np

from pipeline.audio.portaudio import CONTINUE, Output, PortAudioStream, keep_thread_state
from pipeline.audio.streams import OnPeriod, PrepareThread
from pipeline.audio.xruns import XrunLog
from pipeline.ipc.reports import Device
from pipeline.pcm import NS_PER_S, samples_to_ns

_INPUT_OVERFLOW = 0x2  # paInputOverflow


class PortAudioMicrophone:
    """A stream that records. `xruns` counts its input overruns."""

    clock_start_ns = 0
    ended = False

    def __init__(
        self, device: Device, period_ms: float, xruns: XrunLog, *, follows_default: bool = False
    ) -> None:
        self._xruns = xruns
        self._stream = PortAudioStream(
            "input", device, period_ms, self._recorded, follows_default=follows_default
        )
        self.rate_hz = self._stream.rate_hz
        self.description = self._stream.description
        self.check = self._stream.check
        self.close = self._stream.close

    def start(self, on_period: OnPeriod, prepare_thread: PrepareThread) -> None:
        def first_period(pcm: bytes, captured_at_ns: int) -> None:
            self._on_period = on_period
            keep_thread_state()
            prepare_thread()
            on_period(pcm, captured_at_ns)

        self._on_period = first_period
        self._stream.start()

    def _recorded(
        self, interleaved: bytes | None, frames: int, time_info: Mapping[str, float], status: int
    ) -> tuple[Output, int]:
        now_ns = time.monotonic_ns()
        if status & _INPUT_OVERFLOW:
            self._xruns.add(now_ns, now_ns)
        captured_at_ns = now_ns - _since_captured_ns(time_info, frames, self.rate_hz)
        pcm = interleaved or b""
        if self._stream.channels > 1:
            pcm = np.frombuffer(pcm, np.int16)[:: self._stream.channels].tobytes()
        self._on_period(pcm, captured_at_ns)
        return None, CONTINUE


def _since_captured_ns(time_info: Mapping[str, float], frames: int, rate_hz: int) -> int:
    """Age of the first sample; one period where the host API does not tell."""
    age_s = time_info["current_time"] - time_info["input_buffer_adc_time"]
    if not time_info["input_buffer_adc_time"] or not 0 <= age_s < 1:
        return samples_to_ns(frames, rate_hz)
    return int(age_s * NS_PER_S)
