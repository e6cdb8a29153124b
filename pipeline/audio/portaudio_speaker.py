"""A real loudspeaker, through PortAudio."""

import time
from collections.abc import Mapping

import numpy as np

from pipeline.audio.portaudio import CONTINUE, Output, PortAudioStream, keep_thread_state
from pipeline.audio.streams import PrepareThread, Render
from pipeline.audio.xruns import XrunLog
from pipeline.ipc.reports import Device
from pipeline.pcm import NS_PER_S, Samples

_OUTPUT_UNDERFLOW = 0x4  # paOutputUnderflow


class PortAudioSpeaker:
    """A stream that plays. `xruns` counts its output underruns."""

    clock_start_ns = 0

    def __init__(
        self, device: Device, period_ms: float, xruns: XrunLog, *, follows_default: bool = False
    ) -> None:
        self._xruns = xruns
        self._stream = PortAudioStream(
            "output", device, period_ms, self._wanted, follows_default=follows_default
        )
        self._make_buffer(0)
        self.rate_hz = self._stream.rate_hz
        self.description = self._stream.description
        self.check = self._stream.check
        self.close = self._stream.close

    def start(self, render: Render, prepare_thread: PrepareThread) -> None:
        def first_period(out: Samples, sounds_at_ns: int) -> None:
            self._render = render
            keep_thread_state()
            prepare_thread()
            render(out, sounds_at_ns)

        self._render = first_period
        self._stream.start()

    def _wanted(
        self, _recorded: bytes | None, frames: int, time_info: Mapping[str, float], status: int
    ) -> tuple[Output, int]:
        now_ns = time.monotonic_ns()
        if status & _OUTPUT_UNDERFLOW:
            self._xruns.add(now_ns, now_ns)
        if frames != self._frames:
            self._make_buffer(frames)
        self._render(self._mono, now_ns + _until_sounding_ns(time_info))
        if self._stream.channels > 1:
            self._interleaved[:] = self._mono_column
        return self._result

    def _make_buffer(self, frames: int) -> None:
        """Allocate what all periods share: PyAudio copies the array before it asks again."""
        self._frames = frames
        self._interleaved = np.zeros((frames, self._stream.channels), np.int16)
        mono = self._stream.channels == 1
        self._mono: Samples = self._interleaved[:, 0] if mono else np.zeros(frames, np.int16)
        self._mono_column = self._mono[:, np.newaxis]
        self._result = self._interleaved, CONTINUE


def _until_sounding_ns(time_info: Mapping[str, float]) -> int:
    """Time until the first sample leaves the device; 0 where the host API does not tell."""
    ahead_s = time_info["output_buffer_dac_time"] - time_info["current_time"]
    return int(ahead_s * NS_PER_S) if 0 <= ahead_s < 1 else 0
