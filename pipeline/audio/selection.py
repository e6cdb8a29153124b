"""Which card is meant by what a person wrote, among those that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.audio.host_apis import rank
from pipeline.audio.streams import Direction
from pipeline.audio.wav import check_readable, is_wav
from pipeline.errors import DeviceError
from pipeline.ipc.reports import Device

SAMPLE_WAV = Path(__file__).with_name("sample.wav")
"""A spoken conversation to use where there is no microphone; `emulator.sample` makes it."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A WAV file, or a device."""

    target: Path | Device
    recording: Path | None = None
    """For a speaker: record there what it is given."""

    @property
    def file(self) -> Path | None:
        return self.target if isinstance(self.target, Path) else None


def choose_device(
    wanted: str | None, direction: Direction, devices: Sequence[Device]
) -> DeviceChoice | None:
    """The card meant by `wanted`: nothing (the default card), a number, a part of a name, a .wav.

    None if nothing is wanted and the system has no such card.

    :raises DeviceError: no card fits.
    :raises WavError: the file cannot be read.
    """
    if wanted is not None and is_wav(wanted):
        path = Path(wanted)
        if direction == "input":
            check_readable(path)
        return DeviceChoice(path)
    usable = [device for device in devices if _channels(device, direction)]
    device = _default(direction, usable) if wanted is None else _named(wanted, direction, usable)
    return DeviceChoice(device) if device else None


def _channels(device: Device, direction: Direction) -> int:
    return device.input_channels if direction == "input" else device.output_channels


def _default(direction: Direction, usable: Sequence[Device]) -> Device | None:
    for device in usable:
        if device.is_default_input if direction == "input" else device.is_default_output:
            return device
    return usable[0] if usable else None


def _named(wanted: str, direction: Direction, usable: Sequence[Device]) -> Device:
    if wanted.isdecimal():
        matches = [d for d in usable if d.index == int(wanted)]
    else:
        exact = [d for d in usable if d.name.lower() == wanted.lower()]
        matches = exact or [d for d in usable if wanted.lower() in d.name.lower()]
        matches.sort(key=lambda device: rank(device.host_api))
    if not matches:
        there_are = "; ".join(map(str, usable)) or "none"
        raise DeviceError(
            f"--{direction} {wanted!r} is no {direction} device and no .wav file; "
            f"there are: {there_are}."
        )
    return matches[0]
