"""A card that stops or calls no more is lost; an error of our own callback is told as itself."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.audio.portaudio import (
    CALL_PATIENCE_S,
    JACK_CALL_PATIENCE_S,
)
from pipeline.audio.portaudio_microphone import PortAudioMicrophone
from pipeline.audio.portaudio_speaker import PortAudioSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.errors import CardLostError, DeviceError
from pipeline.ipc.reports import Device
from pipeline.shm.state import SharedState

ABORT = 2
DEVICE = Device(0, "Fake", "Fake API", 2, 2, 24_000, True, True)
TIMES = {"current_time": 0.0, "input_buffer_adc_time": 0.0, "output_buffer_dac_time": 0.0}


class FakeStream:
    def __init__(self, callback: Any) -> None:
        self._callback = callback
        self.active = True
        self.freed = False

    def period(self) -> None:
        _, flag = self._callback(bytes(240), 120, TIMES, 0)
        self.active = self.active and flag != ABORT

    def start_stream(self) -> None:
        pass

    def stop_stream(self) -> None:
        self.freed = True

    def close(self) -> None:
        self.freed = True

    def is_active(self) -> bool:
        return self.active


class FakePyAudio:
    def __init__(self) -> None:
        self.stream: FakeStream | None = None
        self.device = DEVICE

    def get_host_api_count(self) -> int:
        return 1

    def get_host_api_info_by_index(self, _index: int) -> dict[str, Any]:
        return {"name": self.device.host_api, "defaultInputDevice": 0, "defaultOutputDevice": 0}

    def get_device_count(self) -> int:
        return 1

    def get_device_info_by_index(self, _index: int) -> dict[str, Any]:
        return {
            "name": self.device.name,
            "hostApi": 0,
            "maxInputChannels": 2,
            "maxOutputChannels": 2,
            "defaultSampleRate": 24_000.0,
        }

    def open(self, **options: Any) -> FakeStream:
        self.stream = FakeStream(options["stream_callback"])
        return self.stream

    def terminate(self) -> None:
        pass


def no_preparation() -> None:
    """Leave the thread as it is."""


@pytest.fixture
def port_audio(monkeypatch: pytest.MonkeyPatch) -> FakePyAudio:
    fake = FakePyAudio()
    monkeypatch.setattr("pipeline.audio.portaudio._port_audio", lambda: fake)
    return fake


@pytest.mark.parametrize("card", [PortAudioMicrophone, PortAudioSpeaker])
def test_an_error_of_the_callback_is_raised_by_check(card: Any, port_audio: FakePyAudio) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("by nought")

    with SharedState.create() as state:
        opened = card(DEVICE, 5.0, XrunLog(state.capture.input_overruns))
        opened.start(fail, no_preparation)
        opened.check()
        assert port_audio.stream is not None
        port_audio.stream.period()
        assert not port_audio.stream.active
        with pytest.raises(ZeroDivisionError, match="by nought") as caught:
            opened.check()
        assert caught.traceback[-1].name == "fail"
        opened.close()


def test_a_card_that_stops_by_itself_may_be_unplugged(port_audio: FakePyAudio) -> None:
    with SharedState.create() as state:
        opened = PortAudioSpeaker(DEVICE, 5.0, XrunLog(state.playback.output_underruns))
        opened.start(lambda *_: None, no_preparation)
        assert port_audio.stream is not None
        port_audio.stream.active = False
        with pytest.raises(CardLostError, match="unplugged"):
            opened.check()
        opened.close()
        assert not port_audio.stream.freed, "PortAudio would wait for ever"


@pytest.mark.parametrize(
    ("host_api", "lost_after_s"),
    [("Fake API", CALL_PATIENCE_S), ("JACK Audio Connection Kit", JACK_CALL_PATIENCE_S)],
)
def test_a_card_that_calls_no_more_is_lost_whatever_portaudio_says(
    host_api: str,
    lost_after_s: float,
    port_audio: FakePyAudio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port_audio.device = replace(DEVICE, host_api=host_api)
    now_s = 100.0
    monkeypatch.setattr("pipeline.audio.portaudio.time.monotonic", lambda: now_s)
    with SharedState.create() as state:
        opened = PortAudioSpeaker(port_audio.device, 5.0, XrunLog(state.playback.output_underruns))
        opened.start(lambda *_: None, no_preparation)
        assert port_audio.stream is not None
        for _ in range(10):
            now_s += 0.2
            port_audio.stream.period()
            opened.check()
        called_s = now_s
        lost = False
        while not lost:
            now_s += 0.2
            try:
                opened.check()
            except CardLostError:
                lost = True
        assert lost_after_s < now_s - called_s < lost_after_s + 0.5


def test_a_process_that_stood_still_itself_does_not_judge_its_card(
    port_audio: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("pipeline.audio.portaudio.time.monotonic", lambda: now_s)
    with SharedState.create() as state:
        opened = PortAudioSpeaker(DEVICE, 5.0, XrunLog(state.playback.output_underruns))
        opened.start(lambda *_: None, no_preparation)
        assert port_audio.stream is not None
        for _ in range(10):
            port_audio.stream.period()
            opened.check()
            now_s += 3_600
            opened.check()
        opened.close()
        assert port_audio.stream.freed


def test_the_default_is_what_it_is_when_the_card_is_opened(port_audio: FakePyAudio) -> None:
    port_audio.device = replace(DEVICE, name="Other")
    with SharedState.create() as state:
        xruns = XrunLog(state.playback.output_underruns)
        with pytest.raises(DeviceError, match=r"Fake \(Fake API\) has disappeared"):
            PortAudioSpeaker(DEVICE, 5.0, xruns)
        opened = PortAudioSpeaker(DEVICE, 5.0, xruns, follows_default=True)
        assert opened.description.startswith("Other (Fake API)")
        opened.close()
