"""The two cards of a conversation, or the files that take their place."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipeline.audio.selection import SAMPLE_WAV, DeviceChoice, choose_device, is_monitor
from pipeline.audio.wav import is_wav
from pipeline.config.settings import Settings
from pipeline.errors import WavError
from pipeline.ipc.reports import Device
from pipeline.supervisor.recording import Recording
from pipeline.system.files import special_kind


class OwnCards(NamedTuple):
    """What a program that uses the library gives in the place of cards; None: nothing."""

    microphone: DeviceChoice | None = None
    speaker: DeviceChoice | None = None


ONLY_CARDS = OwnCards()


def check_files(settings: Settings, recording: Recording) -> None:
    """Check the files of `settings`, and claim the one to record to.

    :raises WavError: one cannot be used; no file has been touched.
    """
    if is_wav(settings.input):
        choose_device(settings.input, "input", ())
    if settings.output is not None and is_wav(settings.output):
        output = Path(settings.output)
        _check_output(output, settings.input)
        recording.claim(output, overwrite=settings.overwrite)


def wanted_cards(
    settings: Settings,
    recording: Recording,
    list_devices: Callable[[], tuple[Device, ...]],
    own: OwnCards = ONLY_CARDS,
) -> tuple[DeviceChoice | None, DeviceChoice | None]:
    """Return microphone and speaker as wanted, else the default cards; None for one that is not.

    Parameters and errors are those of `choose_cards`.
    """
    no_microphone = own.microphone or is_wav(settings.input)
    no_speaker = own.speaker or is_wav(settings.output)
    devices = () if no_microphone and no_speaker else list_devices()
    microphone = own.microphone or choose_device(settings.input, "input", devices)
    speaker = own.speaker or recording.choice
    return microphone, speaker or choose_device(settings.output, "output", devices)


def choose_cards(
    settings: Settings,
    recording: Recording,
    list_devices: Callable[[], tuple[Device, ...]],
    notice: Callable[[str], None],
    own: OwnCards = ONLY_CARDS,
) -> tuple[DeviceChoice, DeviceChoice]:
    """Return microphone and speaker: as wanted, else the default cards, else files.

    :param recording: takes the speaker's place if `check_files` has claimed a file, or if there is
        no speaker.
    :param list_devices: called only if a card is wanted.
    :param notice: told which cards are used, and which files take the place of cards.
    :param own: come before all others.
    :raises DeviceError, WavError: what is wanted cannot be used.
    """
    microphone, speaker = wanted_cards(settings, recording, list_devices, own)
    missing = []
    if microphone is None:
        missing.append("No microphone found: a recorded user speaks instead.")
    if speaker is None:
        speaker = recording.claim_free_name()
        missing.append(f"No loudspeaker found: the answers are saved to {recording.given}.")
    for sentence in (" ".join(missing), _used(microphone, speaker), monitor_hint(microphone)):
        if sentence:
            notice(sentence)
    return microphone or DeviceChoice(SAMPLE_WAV), speaker


def _used(microphone: DeviceChoice | None, speaker: DeviceChoice) -> str:
    """Name the cards and their host APIs; files that the person gave need no words."""
    cards = [("Microphone", microphone), ("Loudspeaker", speaker)]
    return " ".join(
        f"{name}: {choice.name}." for name, choice in cards if choice and choice.is_device
    )


def monitor_hint(microphone: DeviceChoice | None) -> str:
    """Say that a microphone hears the loudspeaker instead of a person; empty if it does not."""
    if microphone is None or not microphone.is_device or not is_monitor(microphone.name):
        return ""
    return (
        f"{microphone.name} records what the loudspeaker plays, not a person: choose a microphone "
        "with --input."
    )


def _check_output(output: Path, given_input: str | None) -> None:
    try:
        kind = special_kind(output)
        sources = [SAMPLE_WAV] if given_input is None else [SAMPLE_WAV, Path(given_input)]
        is_source = output.exists() and any(
            source.exists() and source.samefile(output) for source in sources
        )
    except OSError as error:
        raise WavError(
            f"{output} cannot be written ({error.strerror}): give --output another path."
        ) from error
    if kind:
        raise WavError(f"--output {output} is {kind}, expected a .wav file: give another name.")
    if is_source:
        raise WavError(
            f"--output {output} is the file that --input plays ({given_input or SAMPLE_WAV}), and "
            "recording would destroy it: give --output another name."
        )
