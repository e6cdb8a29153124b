"""Which card: what a person wrote, the cards there are, and how to open the one that is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.audio.cards import Microphone, Speaker
from pipeline.audio.host_apis import rank
from pipeline.audio.missed import MissedPeriods
from pipeline.audio.steady import PERIODS_MS, SteadyCard
from pipeline.audio.tap import TappedSpeaker
from pipeline.audio.wav import WavMicrophone, WavSpeaker, check_readable, is_wav
from pipeline.errors import DeviceError
from pipeline.ipc.reports import Device
from pipeline.pcm import ms_to_samples
from pipeline.shm.state import CaptureFields, PlaybackFields

Direction = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class CardChoice:
    """A WAV file, or a device."""

    card: Path | Device
    tap: Path | None = None
    """For a speaker: record there what it is given."""

    @property
    def file(self) -> Path | None:
        return self.card if isinstance(self.card, Path) else None


def choose(
    wanted: str | None, direction: Direction, devices: Sequence[Device]
) -> CardChoice | None:
    """The card meant by `wanted`: nothing (the default card), a number, a part of a name, a .wav.

    None if nothing is wanted and the system has no such card.

    :raises DeviceError: no card fits.
    :raises WavError: the file cannot be read.
    """
    if wanted is not None and is_wav(wanted):
        path = Path(wanted)
        if direction == "input":
            check_readable(path)
        return CardChoice(path)
    usable = [device for device in devices if _channels(device, direction)]
    device = _default(direction, usable) if wanted is None else _named(wanted, direction, usable)
    return CardChoice(device) if device else None


def steady_microphone(
    choice: CardChoice, period_ms: float | None, words: CaptureFields
) -> SteadyCard[Microphone]:
    """Open a card.

    :param period_ms: None for the shortest that the card keeps up with.
    :raises DeviceError, WavError: the card cannot be opened.
    """
    missed = MissedPeriods(words.input_overruns)
    return SteadyCard(
        lambda ms: _microphone(choice, ms, missed), _periods_ms(choice, period_ms), missed
    )


def steady_speaker(
    choice: CardChoice, period_ms: float | None, words: PlaybackFields
) -> SteadyCard[Speaker]:
    """Open a card, as `steady_microphone` does."""
    missed = MissedPeriods(words.output_underruns)
    return SteadyCard(
        lambda ms: _speaker(choice, ms, missed), _periods_ms(choice, period_ms), missed
    )


def _microphone(choice: CardChoice, period_ms: float, missed: MissedPeriods) -> Microphone:
    if isinstance(choice.card, Path):
        return WavMicrophone(choice.card, ms_to_samples(period_ms), missed)
    from pipeline.audio.devices import PortAudioMicrophone

    return PortAudioMicrophone(choice.card, period_ms, missed)


def _speaker(choice: CardChoice, period_ms: float, missed: MissedPeriods) -> Speaker:
    if isinstance(choice.card, Path):
        return WavSpeaker(choice.card, ms_to_samples(period_ms), missed)
    from pipeline.audio.devices import PortAudioSpeaker

    speaker = PortAudioSpeaker(choice.card, period_ms, missed)
    return speaker if choice.tap is None else TappedSpeaker(speaker, choice.tap)


def _periods_ms(choice: CardChoice, period_ms: float | None) -> tuple[float, ...]:
    """Periods to try, shortest first."""
    if period_ms is not None:
        return (period_ms,)
    # A file keeps up with any, and JACK's server has chosen the period for all of its clients.
    fixed = isinstance(choice.card, Path) or choice.card.host_api.startswith("JACK")
    return PERIODS_MS[:1] if fixed else PERIODS_MS


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
