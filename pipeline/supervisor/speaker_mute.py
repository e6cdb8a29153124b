"""Whether the system has muted a loudspeaker, asked of the system's own programs.

Linux: PulseAudio and PipeWire are asked by `pactl` or `wpctl`, ALSA's own mixer by `amixer`; macOS
by `osascript`, of its default output. JACK has no mute, and Windows tells it by none of its
programs: there it is not known. Nor is a knob, a switch or a plug of the loudspeaker itself.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

from pipeline.ipc.reports import Device

ASK_S = 3.0
"""The longest that a program may take; it takes some milliseconds."""

END_S = 0.5
"""The longest that the end of the run waits for one that a driver holds."""

_HARDWARE = re.compile(r"\(hw:(\d+),\d+\)")


def mute_questions(device: Device, platform: str = sys.platform) -> Iterator[tuple[str, ...]]:
    """Yield the commands that may tell; the first that succeeds counts."""
    if device.host_api == "Core Audio" and platform == "darwin" and device.is_default_output:
        yield "osascript", "-e", "get volume settings"
    if platform != "linux" or device.host_api not in ("ALSA", "PulseAudio"):
        return
    if hardware := _HARDWARE.search(device.name):
        yield "amixer", "-c", hardware[1], "sget", "Master"
    elif device.is_default_output:  # it is what these tell of
        yield "pactl", "get-sink-mute", "@DEFAULT_SINK@"
        yield "wpctl", "get-volume", "@DEFAULT_AUDIO_SINK@"
        yield "amixer", "sget", "Master"


def says_muted(answer: str) -> bool:
    """Whether an answer to one of the questions says muted, or a volume of 0."""
    if "[on]" in answer or "[off]" in answer:  # amixer: one line for each channel
        return "[on]" not in answer or re.search(r"\[[1-9]\d*%\]", answer) is None
    return bool(
        re.search(r"^Mute: yes|\[MUTED\]|output muted:true|output volume:0\b", answer)
        or re.fullmatch(r"Volume: 0\.00\s*", answer)
    )


def _environment() -> dict[str, str]:
    """Return what these programs need to find the sound system, and no key of a service."""
    kept = ("PATH", "HOME", "XDG_", "PULSE_", "PIPEWIRE_", "DBUS_", "ALSA_")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


class SpeakerMute:
    """Asks in a thread of its own; a context manager that ends it.

    :param muted: called in that thread when the loudspeaker is found muted and was not before.
    """

    def __init__(self, muted: Callable[[], None]) -> None:
        self._muted = muted
        self._was_muted = False
        self._questions: tuple[tuple[str, ...], ...] = ()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def watch(self, device: Device) -> None:
        """Look at this loudspeaker from now on."""
        self._questions = tuple(each for each in mute_questions(device) if shutil.which(each[0]))
        self.look()

    def look(self) -> None:
        """Ask, unless the answer to the last question is still to come; returns at once."""
        if not self._questions or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._look, name="speaker mute", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        answers = (self._ask(question) for question in self._questions)
        muted = says_muted(next((answer for answer in answers if answer is not None), ""))
        if muted and not self._was_muted:
            self._muted()
        self._was_muted = muted

    def _ask(self, question: tuple[str, ...]) -> str | None:
        """Return the answer; None if the program fails."""
        with suppress(OSError, subprocess.SubprocessError):
            self._process = subprocess.Popen(
                question,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**_environment(), "LC_ALL": "C"},
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is not meant for it
            )
            with self._process as process:
                try:
                    # `_questions` after `_process`, as `__exit__` the other way round: one of the
                    # two sees the other's store.
                    answer, _ = process.communicate(timeout=ASK_S if self._questions else 0)
                finally:
                    process.kill()
            return answer if process.returncode == 0 else None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._questions = ()
        if self._process is not None:
            self._process.kill()
        if self._thread is not None:
            self._thread.join(END_S)
