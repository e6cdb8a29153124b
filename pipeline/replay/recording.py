"""A folder that `run --record` has written, also by a run that was killed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from pipeline import __version__
from pipeline.audio.unfinished_wav import unfinished
from pipeline.errors import RecordingError
from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.recorder.job import EVENTS_NAME, WAVE_NAME
from pipeline.recorder.reading import read_entries
from pipeline.recorder.wave_file import CHANNELS
from pipeline.system.files import special_kind
from pipeline.system.text import printable, shortened

_EXPECTED = "give a folder that `run --record` has written."


@dataclass(slots=True)
class Recording:
    """What a folder holds.

    :ivar sound: the open WAV file; None if there is none that can be read.
    :ivar notes: a sentence for each thing that is missing or odd.
    """

    folder: Path
    entries: list[dict[str, Any]] = field(default_factory=list)
    sound: soundfile.SoundFile | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def header(self) -> dict[str, Any]:
        """What the first line of the events tells; empty if it is missing."""
        first = self.entries[0] if self.entries else {}
        return first if first.get("record") == "header" else {}

    @property
    def samples(self) -> int:
        """Samples a channel of the sound."""
        return self.sound.frames if self.sound else 0

    def fact(self, name: str) -> str:
        """Return a fact of the header as a short text without control characters."""
        value = self.header.get(name, "")
        return shortened(printable(value), 200) if isinstance(value, str) else ""


def open_recording(folder: Path) -> Recording:
    """Read a recording; what cannot be read is noted.

    :raises RecordingError: there is nothing to show.
    """
    _check_folder(folder)
    recording = Recording(folder)
    _read_events(recording)
    recording.sound = _open_sound(recording)
    if not recording.entries and recording.sound is None:
        raise RecordingError(
            f"{folder} holds no recording: its {EVENTS_NAME} has no event and its {WAVE_NAME} no "
            f"sound. Expected a recorded conversation: {_EXPECTED}"
        )
    return recording


def _check_folder(folder: Path) -> None:
    try:
        kind = special_kind(folder)
        if kind != "a folder":
            found = "does not exist" if not folder.exists() else f"is {kind or 'a file'}"
            raise RecordingError(f"{folder} {found}, expected a recorded conversation: {_EXPECTED}")
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise RecordingError(
            f"{folder} cannot be read ({error.strerror}): give a folder that you may read."
        ) from error
    if not present & {EVENTS_NAME, WAVE_NAME}:
        what = "holds no recording" if present else "is empty"
        raise RecordingError(
            f"{folder} {what}, expected {EVENTS_NAME} and {WAVE_NAME}: {_EXPECTED}"
        )


def _read_events(recording: Recording) -> None:
    path = recording.folder / EVENTS_NAME
    unreadable = 0
    try:
        if kind := special_kind(path):
            recording.notes.append(f"{EVENTS_NAME} is {kind}: only the sound is shown.")
            return
        for entry in read_entries(path):
            if entry is None:
                unreadable += 1
            else:
                recording.entries.append(entry)
    except OSError as error:
        recording.notes.append(f"{EVENTS_NAME} cannot be read ({error.strerror}).")
    recording.notes += _notes_on_events(recording, unreadable)


def _notes_on_events(recording: Recording, unreadable: int) -> list[str]:
    entries, header = recording.entries, recording.header
    notes = []
    if not entries:
        return [f"{EVENTS_NAME} has no event: only the sound is shown."]
    if unreadable:
        lines = "line is" if unreadable == 1 else "lines are"
        notes.append(f"{unreadable} {lines} no event (half a line is what a kill leaves).")
    if not header:
        notes.append(f"{EVENTS_NAME} has no header: the times are those since its first event.")
    elif _is_newer(str(header.get("version", ""))):
        notes.append(
            f"Version {recording.fact('version')} recorded this, and this is version {__version__}:"
            " what it does not know is left out."
        )
    if not any(entry.get("record") == "end" for entry in entries):
        notes.append(
            "The recording has no end: its run was killed, its disk was full, or it still records."
        )
    return notes


def _is_newer(version: str) -> bool:
    return _numbers(version) > _numbers(__version__)


def _numbers(version: str) -> list[int]:
    parts = version.partition("+")[0].split(".")[:3]
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 9]


def _open_sound(recording: Recording) -> soundfile.SoundFile | None:
    path = recording.folder / WAVE_NAME
    sound = None
    try:
        reason = _unplayable(path)
        if reason is None:
            sound = soundfile.SoundFile(unfinished(path) or path)
            reason = _unfit(sound)
    except OSError as error:
        reason = error.strerror or str(error)
    except soundfile.SoundFileError:
        reason = "it is no WAV file"
    if reason is not None:
        recording.notes.append(f"{WAVE_NAME} cannot be shown or played: {reason}.")
        return None
    if sound is not None:
        _note_truncated(recording, sound.frames)
    return sound


def _unplayable(path: Path) -> str | None:
    if not path.exists():
        return "it does not exist"
    kind = special_kind(path)
    return kind and f"it is {kind}"


def _unfit(sound: soundfile.SoundFile) -> str | None:
    if sound.channels == CHANNELS and sound.samplerate == SAMPLE_RATE_HZ and sound.frames:
        return None
    found = f"{sound.channels} channel(s) at {sound.samplerate} Hz, {sound.frames} samples"
    sound.close()
    return f"it holds {found}"


def _note_truncated(recording: Recording, frames: int) -> None:
    ends = [entry.get("sample") for entry in recording.entries if entry.get("record") == "end"]
    if ends and isinstance(ends[-1], int) and frames < ends[-1]:
        missing_s = (ends[-1] - frames) / SAMPLE_RATE_HZ
        recording.notes.append(f"{WAVE_NAME} is truncated: its last {missing_s:.1f} s are missing.")
