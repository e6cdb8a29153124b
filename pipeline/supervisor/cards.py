"""The two cards of a conversation, or the files that take their place."""

from collections.abc import Callable
from pathlib import Path

from pipeline.audio.selection import SAMPLE_WAV, DeviceChoice, choose_device
from pipeline.audio.wav import is_wav
from pipeline.config.settings import Settings
from pipeline.ipc.reports import Device

RECORDING = Path("answer.wav")
"""Takes the loudspeaker's place where there is none."""


def check_input_file(settings: Settings) -> None:
    """Raise `WavError` if the input is a file that cannot be read."""
    if is_wav(settings.input):
        choose_device(settings.input, "input", ())


def choose_cards(
    settings: Settings,
    list_devices: Callable[[], tuple[Device, ...]],
    notice: Callable[[str], None],
) -> tuple[DeviceChoice, DeviceChoice]:
    """Return microphone and speaker: as wanted, else the default cards, else files.

    :param list_devices: called only if a card is wanted.
    :param notice: told which files take the place of cards.
    :raises DeviceError, WavError: what is wanted cannot be used.
    """
    only_files = is_wav(settings.input) and is_wav(settings.output)
    devices = () if only_files else list_devices()
    microphone = choose_device(settings.input, "input", devices)
    speaker = choose_device(settings.output, "output", devices)
    missing = []
    if microphone is None:
        missing.append("No microphone found: a recorded user speaks instead.")
    if speaker is None:
        missing.append(f"No loudspeaker found: the answers are saved to {RECORDING}.")
    if missing:
        notice(" ".join(missing))
    return microphone or DeviceChoice(SAMPLE_WAV), speaker or DeviceChoice(RECORDING)
