"""Finds the device or the WAV file that a setting means."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.audio.host_apis import rank
from pipeline.audio.program_card import ProgramCard
from pipeline.audio.streams import Direction
from pipeline.audio.wav import check_readable, is_wav
from pipeline.errors import DeviceError
from pipeline.ipc.reports import Device
from pipeline.system.files import FileId

SAMPLE_WAV = Path(__file__).with_name("sample.wav")
"""A recorded user, for machines without a microphone; `pipeline.emulator.sample` makes it."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """The device to open, or the WAV file or the program's own sound in its place."""

    target: Path | Device | ProgramCard
    recording: Path | None = None
    """For a speaker: where to record what it plays; None for no recording."""
    replaces: FileId | None = None
    """For a file in a speaker's place: the older recording of that name to replace."""

    follows_default: bool = False
    """Whether no card was named: the one that is the default when it is opened is meant."""

    @property
    def name(self) -> str:
        """How descriptions of the card's streams begin."""
        target = self.target
        if isinstance(target, Device):
            return f"{target.name} ({target.host_api})"
        return str(target) if isinstance(target, Path) else target.name

    @property
    def file(self) -> Path | None:
        return self.target if isinstance(self.target, Path) else None

    @property
    def is_device(self) -> bool:
        """Whether it is a sound card."""
        return isinstance(self.target, Device)


def is_monitor(name: str) -> bool:
    """Whether a device of this name records what a loudspeaker plays."""
    return re.search(r"\b(monitor|stereo mix|loopback|what u hear)\b", name.lower()) is not None


def choose_device(
    wanted: str | None,
    direction: Direction,
    devices: Sequence[Device],
    *,
    flag: str | None = None,
) -> DeviceChoice | None:
    """Find what `wanted` means.

    :param wanted: None for the default device; else a number, a part of a name, or a .wav file.
    :param flag: what names it on the command line, if not the direction.
    :returns: None if `wanted` is None and there is no device of that direction.
    :raises DeviceError: no device has that number or name.
    :raises WavError: the file cannot be read.
    """
    if wanted is not None and is_wav(wanted):
        path = Path(wanted)
        if direction == "input":
            check_readable(path)
        return DeviceChoice(path)
    usable = [device for device in devices if _channels(device, direction)]
    device = (
        _default(direction, usable) if wanted is None else _named(wanted, direction, usable, flag)
    )
    return DeviceChoice(device, follows_default=wanted is None) if device else None


def _channels(device: Device, direction: Direction) -> int:
    return device.input_channels if direction == "input" else device.output_channels


def _default(direction: Direction, usable: Sequence[Device]) -> Device | None:
    for device in usable:
        if device.is_default_input if direction == "input" else device.is_default_output:
            return device
    return usable[0] if usable else None


def _named(wanted: str, direction: Direction, usable: Sequence[Device], flag: str | None) -> Device:
    if wanted.isdecimal():
        matches = [d for d in usable if d.index == int(wanted)]
    else:
        exact = [d for d in usable if d.name.lower() == wanted.lower()]
        matches = exact or [d for d in usable if wanted.lower() in d.name.lower()]
        matches.sort(key=lambda device: rank(device.host_api))
    if not matches:
        there_are = "; ".join(map(str, usable))
        source = flag or f"--{direction}"
        kind = (
            f"not an {direction} device"
            if flag
            else f"neither a .wav file nor an {direction} device"
        )
        raise DeviceError(
            f"{source} {wanted!r} is {kind}. "
            + (f"Choose one of: {there_are}." if usable else f"There are no {direction} devices.")
        )
    return matches[0]
