"""What passes between PyAudio's callbacks and the pipeline, without a device."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pipeline.audio import portaudio_microphone, portaudio_speaker
from pipeline.audio.portaudio_microphone import PortAudioMicrophone
from pipeline.audio.portaudio_speaker import PortAudioSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.ipc.reports import Device
from pipeline.pcm import NS_PER_S, Samples, samples_to_ns
from pipeline.shm.state import SharedState

PERIOD = 120
DEVICE = Device(0, "device", "ALSA", 2, 2, 24_000, True, True)
NO_TIMES = {"input_buffer_adc_time": 0.0, "current_time": 0.0, "output_buffer_dac_time": 0.0}
NOW_NS = 10 * NS_PER_S
OVERFLOW, UNDERFLOW = 0x2, 0x4


class StreamWithoutDevice:
    rate_hz = 24_000
    description = "a stream"

    def __init__(
        self, channels: int, _direction: str, _device: Device, _period_ms: float, callback: Any
    ) -> None:
        self.channels = channels
        self.callback = callback

    def start(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def xruns() -> Iterator[XrunLog]:
    with SharedState.create() as state:
        yield XrunLog(state.playback.output_underruns)


@pytest.fixture
def open_channels(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make the next stream one of so many channels."""
    # The thread is pytest's own: it keeps its state without help.
    for module in (portaudio_microphone, portaudio_speaker):
        monkeypatch.setattr(module, "keep_thread_state", lambda: None)
    monkeypatch.setattr(time, "monotonic_ns", lambda: NOW_NS)

    def set_channels(channels: int) -> None:
        for module in (portaudio_microphone, portaudio_speaker):
            monkeypatch.setattr(
                module, "PortAudioStream", lambda *args, **_: StreamWithoutDevice(channels, *args)
            )

    return set_channels


def counted(samples: int, first: int = 1) -> Samples:
    return np.arange(first, first + samples, dtype=np.int16)


def play(speaker: PortAudioSpeaker, frames: int, status: int = 0, **times: float) -> Samples:
    out, go_on = speaker._wanted(None, frames, {**NO_TIMES, **times}, status)
    assert go_on == 0
    assert isinstance(out, np.ndarray)
    assert out.flags.c_contiguous, "PyAudio takes nothing else"
    assert out.dtype == np.int16
    return out.copy()


@pytest.mark.parametrize("channels", [1, 2])
def test_every_channel_plays_the_samples(
    open_channels: Callable[[int], None], xruns: XrunLog, channels: int
) -> None:
    open_channels(channels)
    speaker = PortAudioSpeaker(DEVICE, 5.0, xruns)
    first = 1

    def render(out: Samples, _sounds_at_ns: int) -> None:
        out[:] = counted(len(out), first)

    speaker.start(render, lambda: None)
    for frames in (PERIOD, PERIOD, 2 * PERIOD, 7):
        expected = np.repeat(counted(frames, first)[:, np.newaxis], channels, axis=1)
        assert np.array_equal(play(speaker, frames), expected)
        first += frames


def test_samples_sound_when_the_device_says_so(
    open_channels: Callable[[int], None], xruns: XrunLog
) -> None:
    open_channels(1)
    speaker = PortAudioSpeaker(DEVICE, 5.0, xruns)
    times_ns: list[int] = []
    speaker.start(lambda _out, sounds_at_ns: times_ns.append(sounds_at_ns), lambda: None)
    play(speaker, PERIOD, current_time=3.0, output_buffer_dac_time=3.25)
    play(speaker, PERIOD)
    assert times_ns == [NOW_NS + NS_PER_S // 4, NOW_NS]


@pytest.mark.parametrize("channels", [1, 2])
def test_the_first_channel_is_recorded(
    open_channels: Callable[[int], None], xruns: XrunLog, channels: int
) -> None:
    open_channels(channels)
    microphone = PortAudioMicrophone(DEVICE, 5.0, xruns)
    heard: list[tuple[bytes, int]] = []
    microphone.start(lambda pcm, at_ns: heard.append((pcm, at_ns)), lambda: None)
    recorded = np.zeros((PERIOD, channels), np.int16)
    recorded[:, 0] = counted(PERIOD)
    microphone._recorded(recorded.tobytes(), PERIOD, NO_TIMES, 0)
    times = {**NO_TIMES, "input_buffer_adc_time": 2.5, "current_time": 3.0}
    microphone._recorded(recorded.tobytes(), PERIOD, times, 0)
    pcm = counted(PERIOD).tobytes()
    assert heard == [
        (pcm, NOW_NS - samples_to_ns(PERIOD)),
        (pcm, NOW_NS - NS_PER_S // 2),
    ]


def test_a_thread_is_prepared_once_before_its_first_period(
    open_channels: Callable[[int], None], xruns: XrunLog
) -> None:
    open_channels(1)
    steps: list[str] = []
    microphone = PortAudioMicrophone(DEVICE, 5.0, xruns)
    microphone.start(lambda _pcm, _at: steps.append("recorded"), lambda: steps.append("prepared"))
    speaker = PortAudioSpeaker(DEVICE, 5.0, xruns)
    speaker.start(lambda _out, _at: steps.append("played"), lambda: steps.append("prepared"))
    for _ in range(2):
        microphone._recorded(bytes(2), 1, NO_TIMES, 0)
    for _ in range(2):
        play(speaker, 1)
    assert steps == ["prepared", "recorded", "recorded", "prepared", "played", "played"]


def test_xruns_that_the_device_reports_are_counted(
    open_channels: Callable[[int], None], xruns: XrunLog
) -> None:
    open_channels(1)
    microphone = PortAudioMicrophone(DEVICE, 5.0, xruns)
    microphone.start(lambda _pcm, _at: None, lambda: None)
    speaker = PortAudioSpeaker(DEVICE, 5.0, xruns)
    speaker.start(lambda _out, _at: None, lambda: None)
    for status in (0, OVERFLOW, UNDERFLOW):
        microphone._recorded(bytes(2), 1, NO_TIMES, status)
        play(speaker, 1, status)
    assert xruns.total == 2
