"""Refuses settings that contradict each other."""

from pipeline.config.settings import Settings
from pipeline.errors import SettingsError


def check_combinations(settings: Settings) -> None:
    """Check what two settings say together.

    :raises SettingsError: one takes away what the other needs.
    """
    if settings.ears == "off":
        _check_without_ears(settings)
    if settings.ears_mark_turns and settings.marks_turns:
        raise SettingsError(
            "--endpointing local lets the ears mark your turns, and --turn-detection none lets a "
            "program mark them: leave out one of them."
        )
    if settings.ears_mark_turns and settings.turn_detection != "server_vad":
        raise SettingsError(
            "--endpointing local lets the ears detect your turns, and --turn-detection "
            f"{settings.turn_detection} the service: leave out one of them."
        )
    if settings.barge_in in ("duck", "local") and not settings.interrupt_response:
        raise SettingsError(
            f"--barge-in {settings.barge_in} is for answers that you interrupt, which "
            "--no-interrupt-response forbids: leave out one of them."
        )
    if settings.barge_in == "duck" and settings.marks_turns:
        raise SettingsError(
            "--barge-in duck waits for the service to hear you, which --turn-detection none leaves "
            "out: use --barge-in local or service, or another --turn-detection."
        )


def _check_without_ears(settings: Settings) -> None:
    echo = ("--echo", settings.echo, settings.echo in ("local", "client-reference"))
    barge_in = ("--barge-in", settings.barge_in, settings.barge_in in ("duck", "local"))
    endpointing = ("--endpointing", settings.endpointing, settings.ears_mark_turns)
    for flag, value, needs_ears in (echo, barge_in, endpointing):
        if needs_ears:
            raise SettingsError(
                f"{flag} {value} is the work of the ears, which --ears off leaves out: use "
                f"--ears auto, or another {flag}."
            )
