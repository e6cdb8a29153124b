"""What this machine grants: Python, libraries, real-time priority, shared memory, cards."""

import platform
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from pipeline.audio.selection import choose_device
from pipeline.audio.streams import Direction
from pipeline.audio.wav import is_wav
from pipeline.config.settings import Settings
from pipeline.doctor.finding import Finding, advice, fine, wrong
from pipeline.ears.compiled import COMPILED
from pipeline.errors import DeviceError, WavError
from pipeline.ipc.reports import Device
from pipeline.pcm import FRAME_SAMPLES, samples_to_ms
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from pipeline.supervisor.cards import monitor_hint
from pipeline.supervisor.shared_memory import CAPTURE_RING_MS, PLAYBACK_RING_FRAMES
from pipeline.system.realtime import AUDIO_PRIORITY
from pipeline.system.resources import refusal
from pipeline.system.rtkit import promote_by_rtkit
from pipeline.system.scheduling import promote_this_thread

OLDEST_PYTHON = (3, 11)
_PACKAGE = "voice-pipeline"
_OTHER_SYSTEMS = {"jeepney": "linux", "uvloop": "!win32"}
"""Packages that only some systems need."""


def check_python() -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return wrong("Python", f"{found}, expected {oldest} or later: run `make setup` with one.")
    return fine("Python", found)


def check_libraries(packages: Iterable[str] | None = None) -> Finding:
    """Look for the packages that every run needs; by default those that this one declares."""
    names = _required() if packages is None else tuple(packages)
    missing = [name for name in names if not _installed(name)]
    if missing:
        return wrong("libraries", f"not installed: {', '.join(missing)}. Run `make setup`.")
    return fine("libraries", f"all {len(names)} are installed")


def check_ears() -> Finding:
    if COMPILED:
        return fine("ears", "compiled")
    return advice(
        "ears",
        "not compiled, so they take twice the processor time: install a C compiler, then install "
        "again: `make clean setup`, or `pip install --force-reinstall --no-deps .`.",
    )


def check_realtime() -> Finding:
    """Ask for real-time priority in a thread of its own, as the audio callbacks do."""
    granted: list[str | None] = []
    thread = threading.Thread(target=lambda: granted.append(_promoted()))
    thread.start()
    thread.join()
    if granted and granted[0]:
        return fine("real-time rights", granted[0])
    return advice(
        "real-time rights",
        "the system grants none, so a busy machine may make the sound click: on Linux allow them "
        "(`ulimit -r`), or install rtkit.",
    )


def check_shared_memory(settings: Settings) -> Finding:
    """Create what a conversation needs, and remove it."""
    frames = CAPTURE_RING_MS // settings.frame_ms
    try:
        with (
            SharedState.create(),
            FrameRing.create(frames),
            FrameRing.create(PLAYBACK_RING_FRAMES),
        ):
            seconds = PLAYBACK_RING_FRAMES * samples_to_ms(FRAME_SAMPLES) // 1_000
    except (OSError, MemoryError) as error:
        return wrong("shared memory", str(refusal(error) or error))
    return fine("shared memory", f"granted: {CAPTURE_RING_MS // 1_000} s in, {seconds} s out")


def check_card(wanted: str | None, direction: Direction, devices: Sequence[Device]) -> Finding:
    """Choose the card as a run does, without opening it."""
    name = "microphone" if direction == "input" else "loudspeaker"
    try:
        choice = choose_device(wanted, direction, devices)
    except (DeviceError, WavError) as error:
        return wrong(name, str(error))
    if choice is None:
        return wrong(
            name, f"none found: connect one, or give --{direction} a .wav file in its place."
        )
    if direction == "input" and (hint := monitor_hint(choice)):
        return advice(name, hint)
    return fine(name, str(wanted) if is_wav(wanted) else choice.name)


def _promoted() -> str | None:
    return promote_this_thread(AUDIO_PRIORITY) or promote_by_rtkit(threading.get_native_id())


def _required() -> tuple[str, ...]:
    try:
        declared = requires(_PACKAGE) or []
    except PackageNotFoundError:
        return (_PACKAGE,)
    names = [re.split(r"[^\w.-]", line)[0] for line in declared if "extra ==" not in line]
    return tuple(name for name in names if _is_for_this_system(name))


def _is_for_this_system(name: str) -> bool:
    system = _OTHER_SYSTEMS.get(name, sys.platform)
    return system == sys.platform or (system.startswith("!") and sys.platform != system[1:])


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
