"""What a person is told about the cards at the start."""

from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.ipc.reports import Device
from pipeline.supervisor.cards import choose_cards
from pipeline.supervisor.recording import Recording

WEBCAM = Device(0, "Webcam", "ALSA", 1, 0, 48_000, True, False)
MONITOR = Device(1, "Monitor of Headset", "PulseAudio", 2, 0, 48_000, True, False)
HEADSET = Device(2, "Headset", "ALSA", 0, 2, 48_000, False, True)


@pytest.mark.parametrize(
    ("settings", "devices", "told"),
    [
        (
            Settings(),
            (WEBCAM, HEADSET),
            ["Microphone: Webcam (ALSA). Loudspeaker: Headset (ALSA)."],
        ),
        (
            Settings(),
            (MONITOR, HEADSET),
            [
                "Microphone: Monitor of Headset (PulseAudio). Loudspeaker: Headset (ALSA).",
                (
                    "Monitor of Headset (PulseAudio) records what the loudspeaker plays, not a "
                    "person: choose a microphone with --input."
                ),
            ],
        ),
        (
            Settings(),
            (HEADSET,),
            [
                "No microphone found: a recorded user speaks instead.",
                "Loudspeaker: Headset (ALSA).",
            ],
        ),
        (Settings(output="heard.wav"), (WEBCAM,), ["Microphone: Webcam (ALSA)."]),
    ],
)
def test_the_cards_in_use_are_named(
    settings: Settings,
    devices: tuple[Device, ...],
    told: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    with Recording(lambda _: None) as recording:
        choose_cards(settings, recording, lambda: devices, notice=said.append)
    assert said == told
