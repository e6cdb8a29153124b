"""A real speaker that also records every sample that it plays, and when."""

import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.audio.recording_file import RecordingFile
from pipeline.audio.streams import PrepareThread, Render, Speaker
from pipeline.errors import DeviceError
from pipeline.pcm import PCM16, SAMPLE_RATE_HZ, Samples

PERIOD_TIMES = np.dtype([("samples", "<i8"), ("taken_ns", "<i8"), ("sounds_ns", "<i8")])
"""One period: its length, when the device took it, and when it leaves the loudspeaker.

Times are ``time.monotonic_ns``.
"""


def times_path(recording: Path) -> Path:
    """Path of the times that belong to a recording."""
    return recording.with_suffix(".times")


def read_times(recording: Path) -> npt.NDArray[np.void]:
    """Read the times of all periods, shape ``(n,)``, dtype `PERIOD_TIMES`."""
    return np.fromfile(times_path(recording), PERIOD_TIMES)


class _Period(NamedTuple):
    samples: Samples
    taken_ns: int
    sounds_ns: int


class RecordingSpeaker:
    """Plays on `speaker`; the file grows with each `check`, and is whole after `close`."""

    def __init__(self, speaker: Speaker, recording: Path) -> None:
        """Begin the recording.

        :raises DeviceError: the speaker does not run at 24 kHz: samples could not be compared.
        """
        if speaker.rate_hz != SAMPLE_RATE_HZ:
            speaker.close()
            raise DeviceError(
                f"{speaker.description} does not accept {SAMPLE_RATE_HZ} Hz, which is needed to "
                "measure: choose another device, or a host API that converts."
            )
        self._speaker = speaker
        self.rate_hz = speaker.rate_hz
        self.description = speaker.description
        self._periods: deque[_Period] = deque()
        self._times = times_path(recording).open("wb")
        self._file = RecordingFile(recording)

    @property
    def clock_start_ns(self) -> int:
        return self._speaker.clock_start_ns

    def start(self, render: Render, prepare_thread: PrepareThread) -> None:
        def recorded(out: Samples, sounds_at_ns: int) -> None:
            taken_ns = time.monotonic_ns()
            render(out, sounds_at_ns)
            self._periods.append(_Period(out.copy(), taken_ns, sounds_at_ns))

        self._speaker.start(recorded, prepare_thread)

    def check(self) -> None:
        self._speaker.check()
        self._write()

    def close(self) -> None:
        self._speaker.close()
        with closing(self._file), self._times:
            self._write()

    def _write(self) -> None:
        """Write what the callback has queued; call it on a thread that may wait."""
        periods = [self._periods.popleft() for _ in range(len(self._periods))]
        self._file.write(b"".join(p.samples.astype(PCM16, copy=False).tobytes() for p in periods))
        times = [(len(samples), taken_ns, sounds_ns) for samples, taken_ns, sounds_ns in periods]
        self._times.write(np.array(times, PERIOD_TIMES).tobytes())
