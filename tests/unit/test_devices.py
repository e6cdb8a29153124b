"""The table of devices, the meter and the verdict of `devices --test`."""

import io

import numpy as np
import pytest
from rich.console import Console

from pipeline.audio.levels import level_of
from pipeline.console.devices import device_table, meter, verdict
from pipeline.ipc.reports import Device
from pipeline.pcm import PCM16, Samples

TONE = np.sin(np.arange(48_000) / 5)
DEVICES = (
    Device(0, "Webcam\x1b[2J", "ALSA", 2, 0, 44_100, True, False, 8.7, 0.0),
    Device(11, "Headset", "ALSA", 1, 2, 48_000, False, True, 10.0, 21.3),
)


def tone(peak: float) -> Samples:
    return np.clip(TONE * peak, -32_768, 32_767).astype(PCM16)


def one_click() -> Samples:
    quiet = tone(3_000)
    quiet[100] = -32_768
    return quiet


@pytest.mark.parametrize(
    ("samples", "words", "code"),
    [
        (np.zeros(48_000, PCM16), "silent: only digital silence", 1),
        (tone(50), "very quiet (peak -57 dB of full scale)", 1),
        (tone(8_000), "fine (peak -12 dB of full scale)", 0),
        (tone(50_000), "clipping (peak 0 dB of full scale)", 1),
        (one_click(), "fine (peak 0 dB of full scale)", 0),
    ],
)
def test_verdicts(samples: Samples, words: str, code: int) -> None:
    sentence, exit_code = verdict(level_of(samples))
    assert sentence.startswith(words)
    assert exit_code == code


def test_the_level_of_nothing() -> None:
    assert level_of(np.zeros(0, PCM16)).peak == 0


def test_the_meter_spans_60_db() -> None:
    assert meter(0) == f"[{' ' * 40}] silence "
    assert meter(32_768).startswith(f"[{'#' * 40}]    0 dB")
    assert meter(1_036).count("#") == 20
    assert len({len(meter(peak)) for peak in (0, 1, 100, 32_768)}) == 1


def test_the_table_of_devices() -> None:
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(device_table(DEVICES))
    rows = [line.split() for line in out.getvalue().splitlines()]
    assert ["0", "Webcam", "ALSA", "2", "*", "44100", "9/-"] in rows
    assert ["11", "Headset", "ALSA", "1", "2", "*", "48000", "10/21"] in rows
