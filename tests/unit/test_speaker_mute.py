"""What the system's own programs say of a muted loudspeaker."""

import os
import threading
from pathlib import Path

import pytest

from pipeline.ipc.reports import Device
from pipeline.supervisor.speaker_mute import SpeakerMute, mute_questions, says_muted
from tests.support.program import GENEROUS_S

AMIXER = """Simple mixer control 'Master',0
  Capabilities: pvolume pswitch
  Playback channels: Front Left - Front Right
  Limits: Playback 0 - 65536
  Front Left: Playback 45875 [70%] [{left}]
  Front Right: Playback 45875 [70%] [{right}]
"""
VOLUMES = "output volume:{volume}, input volume:50, alert volume:100, output muted:{muted}"


def card(name: str = "default", host_api: str = "ALSA") -> Device:
    return Device(0, name, host_api, 0, 2, 48_000, False, True)


@pytest.mark.parametrize(
    ("answer", "muted"),
    [
        ("Mute: yes\n", True),
        ("Mute: no\n", False),
        ("Volume: 0.40\n", False),
        ("Volume: 0.40 [MUTED]\n", True),
        ("Volume: 0.00\n", True),
        (AMIXER.format(left="on", right="on"), False),
        (AMIXER.format(left="on", right="off"), False),
        (AMIXER.format(left="off", right="off"), True),
        (AMIXER.format(left="on", right="on").replace("70%", "0%"), True),
        (VOLUMES.format(volume=40, muted="false"), False),
        (VOLUMES.format(volume=40, muted="true"), True),
        (VOLUMES.format(volume=0, muted="false"), True),
        ("", False),
        ("Connection failure: Connection refused\n", False),
    ],
)
def test_answers(answer: str, muted: bool) -> None:
    assert says_muted(answer) is muted


def test_who_is_asked() -> None:
    assert [q[0] for q in mute_questions(card(), "linux")] == ["pactl", "wpctl", "amixer"]
    hardware = card("HDA Intel PCH: ALC257 Analog (hw:1,0)")
    assert [*mute_questions(hardware, "linux")] == [("amixer", "-c", "1", "sget", "Master")]
    assert [q[0] for q in mute_questions(card("Speakers", "Core Audio"), "darwin")] == ["osascript"]
    assert not [*mute_questions(card("system", "JACK Audio Connection Kit"), "linux")]
    assert not [*mute_questions(card("Speakers", "Windows WASAPI"), "win32")]


@pytest.mark.skipif(os.name == "nt", reason="the system's program is a shell script here")
def test_a_muted_loudspeaker_is_told_each_time_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = tmp_path / "says"
    program = tmp_path / "pactl"
    program.write_text(f'#!/bin/sh\nread line < "{says}"\necho "$line $KEY"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KEY", "[MUTED]")  # which a system's program must not see
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1

    def ask(answer: str) -> None:
        says.write_text(f"{answer}\n")
        mute.look()
        assert mute._thread is not None
        mute._thread.join(GENEROUS_S)

    says.write_text("Mute: no\n")
    with SpeakerMute(tell) as mute:
        mute.watch(card())
        assert mute._thread is not None
        mute._thread.join(GENEROUS_S)
        for answer, times in [
            ("Mute: yes", 1),
            ("Mute: yes", 1),
            ("Mute: no", 1),
            ("Mute: yes", 2),
        ]:
            ask(answer)
            assert told == times


@pytest.mark.skipif(os.name == "nt", reason="as above")
def test_a_program_that_hangs_is_ended_with_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "never")
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    program = tmp_path / "pactl"
    program.write_text(f'#!/bin/sh\necho > "{begun}"\nread line < "{tmp_path / "never"}"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with SpeakerMute(lambda: None) as mute:
        mute.watch(card())
        begun.read_text()
    assert not [thread for thread in threading.enumerate() if thread.name == "speaker mute"]
    assert mute._process is not None
    assert mute._process.returncode is not None
