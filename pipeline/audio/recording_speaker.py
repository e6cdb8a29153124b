"""A real speaker that also writes down what it was given, sample by sample, and when."""

import time
import wave
from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.audio.streams import PrepareThread, Render, Speaker
from pipeline.errors import DeviceError
from pipeline.pcm import PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples

PERIOD_TIMES = np.dtype([("samples", "<i8"), ("taken_ns", "<i8"), ("sounds_ns", "<i8")])
"""Of one period: its samples, when the card took it, and when it was to leave the loudspeaker.

Times are ``time.monotonic_ns``.
"""


def times_path(recording: Path) -> Path:
    """Where the times of a recording are."""
    return recording.with_suffix(".times")


def read_times(recording: Path) -> npt.NDArray[np.void]:
    """All periods, shape ``(n,)``, dtype `PERIOD_TIMES`."""
    return np.fromfile(times_path(recording), PERIOD_TIMES)


class _Period(NamedTuple):
    samples: Samples
    taken_ns: int
    sounds_ns: int


class RecordingSpeaker:
    """Plays on `speaker`; the file grows with each `check`, and is whole after `close`."""

    def __init__(self, speaker: Speaker, recording: Path) -> None:
        """Raise `DeviceError` if the card has a rate of its own: nothing could be compared."""
        if speaker.rate_hz != SAMPLE_RATE_HZ:
            speaker.close()
            raise DeviceError(
                f"{speaker.description} does not take {SAMPLE_RATE_HZ} Hz, which measuring needs: "
                "choose another device, or a host API that converts."
            )
        self._speaker = speaker
        self.rate_hz = speaker.rate_hz
        self.description = speaker.description
        self._periods: deque[_Period] = deque()
        self._times = times_path(recording).open("wb")
        self._wave = wave.open(str(recording), "wb")  # noqa: SIM115 - open as long as the card is
        self._wave.setnchannels(1)
        self._wave.setsampwidth(SAMPLE_BYTES)
        self._wave.setframerate(SAMPLE_RATE_HZ)

    @property
    def clock_start_ns(self) -> int:
        return self._speaker.clock_start_ns

    def start(self, render: Render, prepare_thread: PrepareThread) -> None:
        def tapped(out: Samples, sounds_at_ns: int) -> None:
            taken_ns = time.monotonic_ns()
            render(out, sounds_at_ns)
            self._periods.append(_Period(out.copy(), taken_ns, sounds_at_ns))

        self._speaker.start(tapped, prepare_thread)

    def check(self) -> None:
        self._speaker.check()
        self._write()

    def close(self) -> None:
        self._speaker.close()
        with self._wave, self._times:
            self._write()

    def _write(self) -> None:
        """Files are written here, on a thread that may wait."""
        for _ in range(len(self._periods)):
            samples, taken_ns, sounds_ns = self._periods.popleft()
            self._wave.writeframes(samples.astype(PCM16, copy=False).tobytes())
            self._times.write(np.array((len(samples), taken_ns, sounds_ns), PERIOD_TIMES).tobytes())
