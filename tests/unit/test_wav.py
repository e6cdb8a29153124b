"""WAV files in the place of devices: any file is heard right, and recordings survive."""

import contextlib
import os
import socket
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from pipeline.audio.recording_file import HEADER_BYTES
from pipeline.audio.virtual_clock import ClockPlace
from pipeline.audio.wav import READ_AHEAD_S, WavMicrophone, WavSpeaker, check_readable, is_wav
from pipeline.audio.wav_reading import open_wav, read_periods
from pipeline.audio.xruns import XrunLog
from pipeline.errors import WavError
from pipeline.pcm import FRAME_SAMPLES, NS_PER_S, SAMPLE_RATE_HZ, Samples, samples_to_ns
from pipeline.shm.state import SharedState

PERIOD = 120
WRITABLE = sorted(set(soundfile.available_subtypes("WAV")) - {"MPEG_LAYER_III"})


@pytest.fixture
def missed() -> Iterator[XrunLog]:
    with SharedState.create() as state:
        yield XrunLog(state.playback.output_underruns)


class Heard:
    """What a microphone said until its sound had ended, each period with its time."""

    def __init__(
        self,
        path: Path,
        missed: XrunLog,
        period: int = PERIOD,
        place: ClockPlace | None = None,
    ) -> None:
        self.periods: list[Samples] = []
        self.times_ns: list[int] = []
        self.microphone = WavMicrophone(path, period, missed, place)
        # the clock's thread would only add waiting: periods are asked for one after the other
        self.microphone._on_period = self._on_period
        while not self.microphone.ended:
            self.microphone.check()
            self.microphone._next_period(len(self.periods) * self.microphone._clock.period_ns)
        self.microphone.close()

    @property
    def samples(self) -> Samples:
        return np.concatenate(self.periods)

    def _on_period(self, pcm: bytes, captured_at_ns: int) -> None:
        self.periods.append(np.frombuffer(pcm, np.int16))
        self.times_ns.append(captured_at_ns)


def no_preparation() -> None:
    """For streams whose threads need none."""


def noise(samples: int, seed: int = 1) -> Samples:
    random = np.random.default_rng(seed)
    return random.integers(-32_768, 32_767, samples, np.int16, endpoint=True)


def tone(seconds: float, rate_hz: int, hz: float = 440.0) -> npt.NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


# As a microphone


@pytest.mark.parametrize("length", [1, 119, 120, 121, 24_000, 30_001])
@pytest.mark.parametrize("period", [PERIOD, 240])
def test_pcm16_at_24_khz_passes_bit_for_bit(
    tmp_path: Path, missed: XrunLog, length: int, period: int
) -> None:
    sound = noise(length)
    path = tmp_path / "in.wav"
    soundfile.write(path, sound, SAMPLE_RATE_HZ, "PCM_16")
    heard = Heard(path, missed, period)
    assert np.array_equal(heard.samples[:length], sound)
    assert not heard.samples[length:].any()
    assert {len(samples) for samples in heard.periods} == {period}


def test_the_silence_after_the_sound_fills_every_frame_of_it(
    tmp_path: Path, missed: XrunLog
) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, noise(1_000), SAMPLE_RATE_HZ, "PCM_16")
    heard = Heard(path, missed)
    assert len(heard.samples) - 1_000 > FRAME_SAMPLES


def test_each_period_was_captured_a_period_before_it_is_given(
    tmp_path: Path, missed: XrunLog
) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, noise(1_000), SAMPLE_RATE_HZ, "PCM_16")
    heard = Heard(path, missed)
    period_ns = heard.microphone._clock.period_ns
    assert heard.times_ns[0] == -period_ns
    assert {b - a for a, b in pairwise(heard.times_ns)} == {period_ns}


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channel_count(
    tmp_path: Path, missed: XrunLog, rate_hz: int, channels: int
) -> None:
    path = tmp_path / "in.wav"
    sound = np.repeat(tone(1.3, rate_hz)[:, None], channels, axis=1)
    soundfile.write(path, sound, rate_hz, "PCM_16")
    heard = Heard(path, missed).samples
    expected = np.rint(tone(1.3, SAMPLE_RATE_HZ) * 32_768)
    length = len(expected)
    edge = 500  # where a filter rings
    assert np.max(np.abs(heard[edge : length - edge] - expected[edge : length - edge])) < 50
    assert not heard[length + 1 :].any()


@pytest.mark.parametrize("subtype", WRITABLE)
def test_any_encoding(tmp_path: Path, missed: XrunLog, subtype: str) -> None:
    path = tmp_path / "in.wav"
    rate_hz = 8_000  # the only rate of some telephone codecs
    soundfile.write(path, tone(1.0, rate_hz), rate_hz, subtype)
    heard = Heard(path, missed).samples[: SAMPLE_RATE_HZ - 500].astype(float)
    assert np.std(heard) == pytest.approx(16_384 / np.sqrt(2), rel=0.05)
    loudest_hz = np.argmax(np.abs(np.fft.rfft(heard))) * SAMPLE_RATE_HZ / len(heard)
    assert loudest_hz == pytest.approx(440, abs=2)


def test_channels_are_averaged(tmp_path: Path, missed: XrunLog) -> None:
    path = tmp_path / "in.wav"
    sound = np.stack([np.full(500, 1_000), np.full(500, 3_000)], axis=1).astype(np.int16)
    soundfile.write(path, sound, SAMPLE_RATE_HZ, "PCM_16")
    assert np.all(Heard(path, missed).samples[:500] == 2_000)


def test_what_is_louder_than_full_scale_is_clipped_and_does_not_wrap(
    tmp_path: Path, missed: XrunLog
) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.array([2.0, 1.0, -1.0, -2.0]), SAMPLE_RATE_HZ, "FLOAT")
    heard = Heard(path, missed).samples[:4]
    assert list(heard) == [32_767, 32_767, -32_768, -32_768]


def test_a_microphone_describes_its_file(tmp_path: Path, missed: XrunLog) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.zeros((66_150, 2)), 44_100)
    microphone = WavMicrophone(path, PERIOD, missed)
    microphone.close()
    assert microphone.description == "in.wav: 1.5 s, 44100 Hz, 2 channel(s)"


def test_a_microphone_runs_on_its_own_clock(tmp_path: Path, missed: XrunLog) -> None:
    path = tmp_path / "in.wav"
    sound = noise(480)
    soundfile.write(path, sound, SAMPLE_RATE_HZ, "PCM_16")
    microphone = WavMicrophone(path, PERIOD, missed)
    heard: list[bytes] = []
    threads: list[threading.Thread] = []
    enough = threading.Event()

    def on_period(pcm: bytes, _captured_at_ns: int) -> None:
        heard.append(pcm)
        threads.append(threading.current_thread())
        if len(heard) == 5:
            enough.set()

    microphone.start(on_period, lambda: threads.append(threading.current_thread()))
    enough.wait()
    microphone.close()
    microphone.check()
    assert np.array_equal(np.frombuffer(b"".join(heard), np.int16)[:480], sound)
    assert len(threads) == 1 + len(heard), "the thread is prepared once"
    assert len(set(threads)) == 1, "on the clock's own thread"


# What cannot be a microphone


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WavError, match=r"none\.wav does not exist"):
        check_readable(tmp_path / "none.wav")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):
        listener.bind(path.name)  # a socket's path may have 108 characters only


@pytest.mark.skipif(sys.platform == "win32", reason="has folders only")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.mkdir, "a folder"),
        (os.mkfifo, "a named pipe"),
        (make_socket, "a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
    ],
)
def test_what_is_not_an_ordinary_file_is_named_and_not_opened(
    tmp_path: Path, make: Callable[[Path], object], kind: str
) -> None:
    path = tmp_path / "in.wav"
    make(path)
    with pytest.raises(WavError, match=f"is {kind}, expected a WAV file"):
        check_readable(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVE", b"\0" * 5_000])
def test_a_file_that_is_not_a_wav_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(content)
    with pytest.raises(WavError, match="cannot be read"):
        check_readable(path)


def test_a_file_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.zeros(0), SAMPLE_RATE_HZ)
    with pytest.raises(WavError, match="holds no sound"):
        check_readable(path)


def test_a_good_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, noise(10), SAMPLE_RATE_HZ)
    before = path.read_bytes()
    check_readable(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [(None, False), ("", False), ("3", False), ("wav", False), ("a.wav", True), ("A.WAV", True)],
)
def test_which_settings_mean_a_file(name: str | None, expected: bool) -> None:
    assert is_wav(name) is expected


# As a speaker


def read(path: Path) -> Samples:
    with wave.open(str(path), "rb") as file:
        assert file.getparams()[:3] == (1, 2, SAMPLE_RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def wait_recorded(path: Path, samples: int) -> None:
    """Wait until the recording, which a thread writes, holds so many samples."""
    until_s = time.monotonic() + 60.0
    while not path.exists() or path.stat().st_size < HEADER_BYTES or len(read(path)) < samples:
        assert time.monotonic() < until_s
        time.sleep(0.001)


class Recorder:
    """A speaker whose periods are asked for one after the other."""

    def __init__(
        self, path: Path, missed: XrunLog, sound: Samples, clock_start_ns: int = 0
    ) -> None:
        self._left = sound
        self.speaker = WavSpeaker(path, PERIOD, missed, clock_start_ns=clock_start_ns)
        self.speaker._clock.start = lambda _prepare: None  # type: ignore[method-assign, assignment]
        self.speaker.start(self._render, no_preparation)

    def record(self, periods: int) -> None:
        for _ in range(periods):
            self.speaker._next_period(0)

    def _render(self, out: Samples, _sounds_at_ns: int) -> None:
        out[:] = self._left[: len(out)]
        self._left = self._left[len(out) :]


@pytest.mark.parametrize("periods", [0, 1, 10, 11, 37])
def test_a_recording_is_whole_once_closed(tmp_path: Path, missed: XrunLog, periods: int) -> None:
    path = tmp_path / "out.wav"
    sound = noise(periods * PERIOD)
    recorder = Recorder(path, missed, sound)
    recorder.record(periods)
    recorder.speaker.close()
    assert np.array_equal(read(path), sound)


@pytest.mark.parametrize("periods", [0, 1, 9, 10, 11, 19, 20, 21, 99])
def test_a_recording_is_readable_at_any_moment_even_if_never_closed(
    tmp_path: Path, missed: XrunLog, periods: int
) -> None:
    path = tmp_path / "out.wav"
    sound = noise(periods * PERIOD)
    recorder = Recorder(path, missed, sound)
    checked = periods // 2
    recorder.record(checked)
    if checked:  # a file begins with its first sound
        recorder.speaker.check()
        wait_recorded(path, checked * PERIOD)
    recorder.record(periods - checked)
    assert path.exists() == bool(checked)
    recorded = read(path) if checked else noise(0)
    recorder.speaker.close()
    assert np.array_equal(recorded, sound[: checked * PERIOD])


def test_the_callback_does_not_touch_the_recording(tmp_path: Path, missed: XrunLog) -> None:
    path = tmp_path / "out.wav"
    recorder = Recorder(path, missed, noise(100 * PERIOD))
    recorder.record(100)
    assert not path.exists()
    recorder.speaker.close()
    assert len(read(path)) == 100 * PERIOD


def test_a_speaker_runs_on_its_own_clock(tmp_path: Path, missed: XrunLog) -> None:
    path = tmp_path / "out.wav"
    speaker = WavSpeaker(path, PERIOD, missed)
    sounding_at_ns: list[int] = []
    enough = threading.Event()

    def render(out: Samples, sounds_at_ns: int) -> None:
        out[:] = len(sounding_at_ns) + 1
        sounding_at_ns.append(sounds_at_ns)
        if len(sounding_at_ns) == 5:
            enough.set()

    speaker.start(render, no_preparation)
    enough.wait()
    speaker.check()
    speaker.close()
    assert np.array_equal(read(path), np.repeat(range(1, len(sounding_at_ns) + 1), PERIOD))
    assert sounding_at_ns[0] == speaker.clock_start_ns + speaker._clock.period_ns


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_full_ends_the_recording_once_and_not_the_speaker(missed: XrunLog) -> None:
    ends: list[OSError] = []
    speaker = WavSpeaker(Path("/dev/full"), PERIOD, missed, on_recording_end=ends.append)
    heard = threading.Semaphore(0)

    def render(out: Samples, _sounds_at_ns: int) -> None:
        out.fill(1)
        heard.release()

    speaker.start(render, no_preparation)
    while not ends:  # another thread writes
        heard.acquire()
        speaker.check()
    for _ in range(2):
        heard.acquire()  # a period after the end of the recording
        speaker.check()
    speaker.close()
    assert len(ends) == 1


def test_by_default_the_end_of_a_recording_is_an_error(tmp_path: Path, missed: XrunLog) -> None:
    speaker = WavSpeaker(tmp_path / "missing" / "out.wav", PERIOD, missed)
    with pytest.raises(WavError, match="cannot be written"):
        speaker.close()


def test_the_callback_does_not_touch_the_file_that_it_plays(
    tmp_path: Path, missed: XrunLog
) -> None:
    path = tmp_path / "in.wav"
    sound = noise((READ_AHEAD_S + 1) * SAMPLE_RATE_HZ)
    soundfile.write(path, sound, SAMPLE_RATE_HZ, "PCM_16")
    microphone = WavMicrophone(path, PERIOD, missed)
    heard: list[bytes] = []
    microphone._on_period = lambda pcm, _at: heard.append(pcm)
    position = microphone._file.tell()
    for _ in range((READ_AHEAD_S + 1) * SAMPLE_RATE_HZ // PERIOD):
        microphone._next_period(0)
    assert microphone._file.tell() == position, "nothing is read without a check"
    late = heard[READ_AHEAD_S * SAMPLE_RATE_HZ // PERIOD + 1 :]
    assert not any(b"".join(late)), "silence, until the disk has caught up"
    assert not microphone.ended
    microphone.check()
    while not microphone.ended:
        microphone._next_period(0)
    microphone.close()
    samples = np.frombuffer(b"".join(heard), np.int16)
    assert np.array_equal(samples[samples != 0], sound[sound != 0])


# A new process in the place of one that died


@pytest.mark.parametrize("rate_hz", [SAMPLE_RATE_HZ, 16_000])
def test_a_microphone_goes_on_at_any_sample(tmp_path: Path, missed: XrunLog, rate_hz: int) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, noise(5 * PERIOD + 7), rate_hz, "PCM_16")
    whole = Heard(path, missed).samples
    rest = Heard(path, missed, place=ClockPlace(1, PERIOD + 5)).samples
    length = min(len(rest), len(whole) - PERIOD - 5)
    assert np.array_equal(rest[:length], whole[PERIOD + 5 :][:length])


def test_what_is_past_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(file: soundfile.SoundFile, *args: Any, **kwargs: Any) -> Any:
        block = whole_read(file, *args, **kwargs)
        lengths.append(len(block))
        return block

    lengths: list[int] = []
    whole_read = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    sound = noise(10 * SAMPLE_RATE_HZ)
    soundfile.write(tmp_path / "sound.wav", sound, SAMPLE_RATE_HZ, "PCM_16")
    with open_wav(tmp_path / "sound.wav") as file:
        rest = np.concatenate(list(read_periods(file, PERIOD, len(sound) - PERIOD)))
    assert np.array_equal(rest, sound[-PERIOD:])
    assert 0 < sum(lengths) <= PERIOD


def test_a_microphone_that_is_late_has_read_ahead_all_that_is_due(
    tmp_path: Path, missed: XrunLog
) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, noise((READ_AHEAD_S + 60) * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ, "PCM_16")
    start_ns = time.monotonic_ns() - 30 * NS_PER_S
    microphone = WavMicrophone(path, PERIOD, missed, ClockPlace(start_ns, 0))
    assert len(microphone._periods) * PERIOD >= (READ_AHEAD_S + 30) * SAMPLE_RATE_HZ
    microphone.close()


def test_a_speaker_keeps_the_clock_of_its_recording(tmp_path: Path, missed: XrunLog) -> None:
    path = tmp_path / "heard.wav"
    sound = noise(4 * PERIOD)
    first = Recorder(path, missed, sound[: 3 * PERIOD])
    first.record(3)
    first.speaker.check()
    wait_recorded(path, 3 * PERIOD)
    start_ns = time.monotonic_ns() - samples_to_ns(100 * PERIOD)
    second = Recorder(path, missed, sound[3 * PERIOD :], clock_start_ns=start_ns)
    second.record(1)
    second.speaker.close()
    found = read(path)
    begin = len(found) - PERIOD
    assert begin % PERIOD == 0
    assert begin > 100 * PERIOD
    assert np.array_equal(found[: 3 * PERIOD], sound[: 3 * PERIOD])
    assert not found[3 * PERIOD : begin].any()
    assert np.array_equal(found[begin:], sound[3 * PERIOD :])
