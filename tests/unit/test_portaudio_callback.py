"""An error of our own callback is reported as itself, not as a card that was unplugged."""

from typing import Any

import pytest

from pipeline.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.errors import DeviceError
from pipeline.ipc.reports import Device
from pipeline.shm.state import SharedState

ABORT = 2
DEVICE = Device(0, "Fake", "Fake API", 2, 2, 24_000, True, True)
TIMES = {"current_time": 0.0, "input_buffer_adc_time": 0.0, "output_buffer_dac_time": 0.0}


class FakeStream:
    def __init__(self, callback: Any) -> None:
        self._callback = callback
        self.active = True

    def period(self) -> None:
        _, flag = self._callback(bytes(240), 120, TIMES, 0)
        self.active = self.active and flag != ABORT

    def start_stream(self) -> None:
        pass

    def stop_stream(self) -> None:
        pass

    def close(self) -> None:
        pass

    def is_active(self) -> bool:
        return self.active


class FakePyAudio:
    def __init__(self) -> None:
        self.stream: FakeStream | None = None

    def get_host_api_count(self) -> int:
        return 1

    def get_host_api_info_by_index(self, _index: int) -> dict[str, Any]:
        return {"name": DEVICE.host_api, "defaultInputDevice": 0, "defaultOutputDevice": 0}

    def get_device_count(self) -> int:
        return 1

    def get_device_info_by_index(self, _index: int) -> dict[str, Any]:
        return {
            "name": DEVICE.name,
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
        with pytest.raises(DeviceError, match="unplugged"):
            opened.check()
        opened.close()
