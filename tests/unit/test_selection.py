"""Which device a setting means."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.opening import open_microphone, open_speaker
from pipeline.audio.selection import DeviceChoice, choose_device
from pipeline.audio.wav import WavMicrophone, WavSpeaker
from pipeline.errors import DeviceError, WavError
from pipeline.ipc.reports import Device
from pipeline.shm.state import SharedState
from tests.support.sound import write_wav


def card(
    index: int,
    name: str,
    *,
    inputs: int = 1,
    outputs: int = 1,
    default_input: bool = False,
    default_output: bool = False,
    host_api: str = "ALSA",
) -> Device:
    return Device(index, name, host_api, inputs, outputs, 48_000, default_input, default_output)


WEBCAM = card(0, "USB Webcam: Audio", outputs=0)
HEADSET = card(2, "Headset Pro", default_input=True)
HEADSET_2 = card(3, "Headset Pro 2", host_api="JACK")
SPEAKERS = card(5, "Loudspeakers 7.1", inputs=0, outputs=8, default_output=True)
CARDS = (WEBCAM, HEADSET, HEADSET_2, SPEAKERS)


def chosen(device: Device, *, by_default: bool = False) -> DeviceChoice:
    return DeviceChoice(device, follows_default=by_default)


def test_a_whole_name_goes_before_a_part_of_another_name() -> None:
    assert choose_device("headset PRO", "input", (HEADSET_2, HEADSET)) == chosen(HEADSET)


@pytest.mark.parametrize(
    ("wanted", "direction", "expected"),
    [
        (None, "input", HEADSET),
        (None, "output", SPEAKERS),
        ("0", "input", WEBCAM),
        ("5", "output", SPEAKERS),
        ("webcam", "input", WEBCAM),
        ("LOUD", "output", SPEAKERS),
        ("headset pro", "input", HEADSET),
        ("Headset Pro 2", "input", HEADSET_2),
        ("headset", "output", HEADSET),
        ("7.1", "output", SPEAKERS),
    ],
)
def test_a_device_is_found_by_default_number_or_part_of_its_name(
    wanted: str | None, direction: str, expected: Device
) -> None:
    found = choose_device(wanted, direction, CARDS)  # type: ignore[arg-type]
    assert found == chosen(expected, by_default=wanted is None)


def test_a_device_with_several_host_apis_is_opened_through_the_quickest() -> None:
    names = ("MME", "Windows DirectSound", "Windows WASAPI", "Windows WDM-KS")
    ways = [card(index, "Headset", host_api=name) for index, name in enumerate(names)]
    assert choose_device("headset", "input", ways) == chosen(ways[2])
    assert choose_device("3", "input", ways) == chosen(ways[3]), "a number says which way"


def test_without_a_default_the_first_usable_device_is_taken() -> None:
    found = choose_device(None, "output", (WEBCAM, HEADSET_2, HEADSET))
    assert found == chosen(HEADSET_2, by_default=True)


@pytest.mark.parametrize("devices", [(), (WEBCAM,)])
def test_without_any_device_nothing_is_chosen(devices: tuple[Device, ...]) -> None:
    assert choose_device(None, "output", devices) is None


@pytest.mark.parametrize("wanted", ["0", "1", "99", "webcam", "nothing like it"])
def test_an_unknown_speaker_is_refused_with_a_list_of_the_speakers(wanted: str) -> None:
    with pytest.raises(DeviceError) as caught:
        choose_device(wanted, "output", CARDS)
    sentence = str(caught.value)
    assert repr(wanted) in sentence
    assert "--output" in sentence
    assert f"{HEADSET}; {HEADSET_2}; {SPEAKERS}" in sentence
    assert str(WEBCAM) not in sentence
    assert caught.value.exit_code == 2


def test_an_unknown_device_on_a_machine_without_devices() -> None:
    with pytest.raises(DeviceError, match="There are no input devices"):
        choose_device("headset", "input", ())


def test_an_unknown_device_is_told_with_the_flag_that_named_it() -> None:
    with pytest.raises(
        DeviceError, match=r"^--device 'foo' is not an output device\. There are no"
    ):
        choose_device("foo", "output", (), flag="--device")


@pytest.mark.parametrize("name", ["speech.wav", "SPEECH.WAV"])
def test_a_wav_file_is_chosen_even_without_any_device(tmp_path: Path, name: str) -> None:
    path = write_wav(tmp_path / name, np.ones(10, np.int16))
    choice = choose_device(str(path), "input", ())
    assert choice == DeviceChoice(path)
    assert choice.file == path


def test_a_recording_needs_no_file_yet(tmp_path: Path) -> None:
    path = tmp_path / "new.wav"
    assert choose_device(str(path), "output", ()) == DeviceChoice(path)
    assert not path.exists()


def test_a_missing_microphone_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(WavError, match="does not exist"):
        choose_device(str(tmp_path / "none.wav"), "input", CARDS)


def test_files_are_opened_in_the_place_of_devices(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "in.wav", np.ones(2_400, np.int16))
    with SharedState.create() as state:
        microphone = open_microphone(DeviceChoice(path), 5.0, state.capture, None)
        speaker = open_speaker(
            DeviceChoice(tmp_path / "out.wav"), 5.0, state.playback, on_recording_end=print
        )
        assert isinstance(microphone.stream, WavMicrophone)
        assert isinstance(speaker.stream, WavSpeaker)
        assert microphone.stream.rate_hz == speaker.stream.rate_hz == 24_000
        microphone.close()
        speaker.close()
