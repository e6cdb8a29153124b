"""WAV files in the place of a microphone and a speaker, on the clock of a real device."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pipeline.audio.streams import OnPeriod, PrepareThread, Render
from pipeline.audio.virtual_clock import PeriodClock
from pipeline.audio.xruns import XrunLog
from pipeline.errors import WavError
from pipeline.pcm import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples, create_wav

BLOCK_MS = 50


def is_wav(name: str | None) -> bool:
    """Whether a device setting names a WAV file."""
    return name is not None and name.lower().endswith(".wav")


def check_readable(path: Path) -> None:
    """Check that `path` can serve as a microphone.

    :raises WavError: it cannot.
    """
    _open(path).close()


class WavMicrophone:
    """Plays a file of any rate and channel count in real time, then silence without end."""

    rate_hz = SAMPLE_RATE_HZ

    def __init__(self, path: Path, period_samples: int, xruns: XrunLog) -> None:
        self._file = _open(path)
        self.description = (
            f"{path.name}: {self._file.frames / self._file.samplerate:.1f} s, "
            f"{self._file.samplerate} Hz, {self._file.channels} channel(s)"
        )
        self.ended = False
        self._silent_samples = 0
        self._periods = _periods(_blocks_24k_mono(self._file), period_samples)
        self._silence = np.zeros(period_samples, np.int16)
        self._clock = PeriodClock(period_samples, self._next_period, xruns)

    @property
    def clock_start_ns(self) -> int:
        return self._clock.start_ns

    def start(self, on_period: OnPeriod, prepare_thread: PrepareThread) -> None:
        self._on_period = on_period
        self._clock.start(prepare_thread)

    def check(self) -> None:
        self._clock.check()

    def close(self) -> None:
        self._clock.stop()
        self._file.close()

    def _next_period(self, due_ns: int) -> None:
        samples = next(self._periods, None)
        if samples is None:
            samples = self._silence
            self._silent_samples += len(samples)
        self._on_period(samples.tobytes(), due_ns - self._clock.period_ns)
        self.ended = self._silent_samples > FRAME_SAMPLES


class WavSpeaker:
    """Records what a loudspeaker would have sounded, silence included, in real time.

    The file is readable from `start` on: a process that is killed leaves what the latest `check`
    wrote. The callback never touches the file, because a disk may take long.
    """

    rate_hz = SAMPLE_RATE_HZ

    def __init__(self, path: Path, period_samples: int, xruns: XrunLog) -> None:
        self.description = f"{path.name}: {SAMPLE_RATE_HZ} Hz, mono, PCM16"
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise WavError(
                f"{path} cannot be written ({error.strerror}): give --output another path."
            ) from error
        self._wave = create_wav(self._file)
        self._period = np.zeros(period_samples, np.int16)
        self._unwritten: deque[bytes] = deque()
        self._clock = PeriodClock(period_samples, self._next_period, xruns)

    @property
    def clock_start_ns(self) -> int:
        return self._clock.start_ns

    def start(self, render: Render, prepare_thread: PrepareThread) -> None:
        self._render = render
        self._write()
        self._clock.start(prepare_thread)

    def check(self) -> None:
        self._clock.check()
        self._write()

    def close(self) -> None:
        self._clock.stop()
        try:
            with self._file, self._wave:
                self._write()
        except OSError as error:
            raise _broken_recording(error) from error

    def _next_period(self, due_ns: int) -> None:
        self._render(self._period, due_ns + self._clock.period_ns)
        self._unwritten.append(self._period.tobytes())

    def _write(self) -> None:
        recorded = b"".join(self._unwritten.popleft() for _ in range(len(self._unwritten)))
        try:
            self._wave.writeframes(recorded)
        except OSError as error:
            raise _broken_recording(error) from error


def _broken_recording(error: OSError) -> WavError:
    return WavError(
        f"The recording cannot be written ({error.strerror}): give --output another path."
    )


def _open(path: Path) -> soundfile.SoundFile:
    if not path.is_file():
        raise WavError(f"{path} does not exist: give --input a WAV file or the name of a device.")
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise WavError(f"{path} cannot be read as a WAV file: convert it to PCM WAV.") from error
    if file.frames == 0:
        file.close()
        raise WavError(f"{path} holds no sound: give --input a WAV file that contains speech.")
    return file


def _blocks_24k_mono(file: soundfile.SoundFile) -> Iterator[Samples]:
    """Read the file as mono blocks at 24 kHz; PCM16 at 24 kHz passes unchanged."""
    resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE_HZ, 1, dtype="float32")
    same_rate = file.samplerate == SAMPLE_RATE_HZ
    # Blocks are short because the callback reads them. `frames` is given because soundfile cannot
    # find out the length of files that it cannot seek in, such as those of telephone codecs.
    block_samples = max(1, file.samplerate * BLOCK_MS // 1_000)
    blocks = file.blocks(block_samples, frames=file.frames, dtype="float32", always_2d=True)
    for block in blocks:
        mono = block.mean(axis=1, dtype=np.float32)
        yield _pcm16(mono if same_rate else resampler.resample_chunk(mono))
    if not same_rate:
        yield _pcm16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))


def _pcm16(sound: npt.NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(np.nan_to_num(sound) * 32_768), -32_768, 32_767).astype(np.int16)


def _periods(blocks: Iterator[Samples], period_samples: int) -> Iterator[Samples]:
    """Cut blocks of any length into whole periods; silence fills up the last one."""
    rest = np.zeros(0, np.int16)
    for block in blocks:
        sound = np.concatenate((rest, block))
        whole = len(sound) - len(sound) % period_samples
        yield from sound[:whole].reshape(-1, period_samples)
        rest = sound[whole:]
    if rest.size:
        yield np.pad(rest, (0, period_samples - rest.size))
