"""WAV files in the place of a microphone and a speaker, on the clock of a real device.

The callbacks only exchange periods with a queue, because a disk may take long: the process's main
thread reads in `check`, and a recording has a thread of its own.
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import soundfile

from pipeline.audio.recording_file import RecordingFile
from pipeline.audio.recording_writer import RecordingWriter
from pipeline.audio.streams import OnPeriod, PrepareThread, Render
from pipeline.audio.virtual_clock import ClockPlace, PeriodClock
from pipeline.audio.wav_reading import open_wav, read_periods
from pipeline.audio.xruns import XrunLog
from pipeline.errors import WavError
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, SAMPLE_BYTES, SAMPLE_RATE_HZ
from pipeline.system.files import FileId

READ_AHEAD_S = 10
"""Length of sound that is read before it is due: a disk may take this long."""

OnRecordingEnd = Callable[[OSError], None]
"""Called once, from `check` or `close`, when a recording cannot be continued."""


def is_wav(name: str | None) -> bool:
    """Whether a device setting names a WAV file."""
    return name is not None and name.lower().endswith(".wav")


def check_readable(path: Path) -> None:
    """Check that `path` can serve as a microphone.

    :raises WavError: it cannot.
    """
    open_wav(path).close()


class WavMicrophone:
    """Plays a file of any rate and channel count in real time, then silence without end.

    :param place: where to go on, on the clock of a process that died. What would have sounded
        meanwhile follows at once, so that no sample is lost.
    """

    rate_hz = SAMPLE_RATE_HZ

    def __init__(
        self,
        path: Path,
        period_samples: int,
        xruns: XrunLog,
        place: ClockPlace | None = None,
    ) -> None:
        self._path = path
        self._file = open_wav(path)
        self.description = (
            f"{path.name}: {self._file.frames / self._file.samplerate:.1f} s, "
            f"{self._file.samplerate} Hz, {self._file.channels} channel(s)"
        )
        self.ended = False
        self._silent_samples = 0
        self._unread = read_periods(self._file, period_samples, place.sample if place else 0)
        self._read_whole = False
        self._periods: deque[bytes] = deque()
        late_ns = max(0, time.monotonic_ns() - place.due_ns) if place else 0
        ahead_s = READ_AHEAD_S + late_ns // NS_PER_S
        self._most_periods = ahead_s * SAMPLE_RATE_HZ // period_samples + 1
        self._silence = bytes(2 * period_samples)
        self._clock = PeriodClock(period_samples, self._next_period, xruns, place)
        self._read_ahead()

    @property
    def clock_start_ns(self) -> int:
        return self._clock.start_ns

    def start(self, on_period: OnPeriod, prepare_thread: PrepareThread) -> None:
        self._on_period = on_period
        self._clock.start(prepare_thread)

    def check(self) -> None:
        self._clock.check()
        self._read_ahead()

    def close(self) -> None:
        self._clock.stop()
        self._file.close()

    def _read_ahead(self) -> None:
        try:
            while not self._read_whole and len(self._periods) < self._most_periods:
                samples = next(self._unread, None)
                if samples is None:
                    self._read_whole = True
                else:
                    self._periods.append(samples.tobytes())
        except (soundfile.SoundFileError, OSError) as error:
            raise WavError(
                f"{self._path} cannot be read any more ({error}): give --input a file on a disk "
                "that stays connected."
            ) from error

    def _next_period(self, due_ns: int) -> None:
        # The flag before the queue: the flag is set after the last period was queued.
        read_whole = self._read_whole
        pcm = self._periods.popleft() if self._periods else None
        if pcm is None and read_whole:
            self._silent_samples += len(self._silence) // 2
        self._on_period(pcm or self._silence, due_ns - self._clock.period_ns)
        self.ended = self._silent_samples > FRAME_SAMPLES


def _raise(error: OSError) -> NoReturn:
    raise WavError(
        f"The recording cannot be written ({error.strerror}): give --output another path."
    ) from error


class WavSpeaker:
    """Records what a loudspeaker would have sounded, silence included, in real time.

    A recording that cannot be continued ends; the speaker goes on. A process that is killed leaves
    what the latest `check` wrote.

    :param replaces: the older recording at `path` to replace when the first sound is written.
    :param on_recording_end: by default raises `WavError`.
    :param clock_start_ns: when the recording began, if a process that died has begun it: its
        samples stay where the clock puts them, and silence fills the pause.
    """

    rate_hz = SAMPLE_RATE_HZ

    def __init__(
        self,
        path: Path,
        period_samples: int,
        xruns: XrunLog,
        replaces: FileId | None = None,
        on_recording_end: OnRecordingEnd = _raise,
        *,
        clock_start_ns: int = 0,
    ) -> None:
        place = None
        if clock_start_ns:
            place = ClockPlace.after(clock_start_ns, time.monotonic_ns(), period_samples)
        self.description = f"{path.name}: {SAMPLE_RATE_HZ} Hz, mono, PCM16"
        self._writer = RecordingWriter(
            RecordingFile(path, replaces, SAMPLE_BYTES * place.sample if place else 0)
        )
        self._on_recording_end = on_recording_end
        self._period = np.zeros(period_samples, np.int16)
        self._clock = PeriodClock(period_samples, self._next_period, xruns, place)

    @property
    def clock_start_ns(self) -> int:
        return self._clock.start_ns

    def start(self, render: Render, prepare_thread: PrepareThread) -> None:
        self._render = render
        self._clock.start(prepare_thread)

    def check(self) -> None:
        self._clock.check()
        self._attempt(self._writer.check)

    def close(self) -> None:
        self._clock.stop()
        self._attempt(self._writer.close)

    def keep_silence(self) -> None:
        """Let `close` leave a recording even if nothing has sounded."""
        self._writer.keep_silence()

    def _next_period(self, due_ns: int) -> None:
        self._render(self._period, due_ns + self._clock.period_ns)
        self._writer.put(self._period.tobytes())

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:
            self._on_recording_end(error)
