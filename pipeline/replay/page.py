"""The page: one HTML file with its script, what it shows and, if it is short, the sound.

What it shows is text from outside. It is JSON in which no character means anything to HTML, in an
element that no browser runs; the script puts it into text nodes and on canvases only. Beyond that,
the page's own policy lets nothing run but this one script, and loads nothing but the sound.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pipeline.errors import RecordingError
from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.recorder.transcript import Line
from pipeline.replay.figures import Figure
from pipeline.replay.peaks import Peaks
from pipeline.replay.recording import Recording
from pipeline.replay.sound import PlayableSound
from pipeline.replay.timeline import Moment, Timeline
from pipeline.system.files import replace_text, special_kind
from pipeline.system.text import printable, shortened

MARK: Final = "<!doctype html>\n<!-- voice-pipeline replay -->\n"
"""How a page begins: nothing else is overwritten."""

_SCRIPT_MARK, _POLICY_MARK, _DATA_MARK = "/* script */", "script-hash", "/* data */"
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def page_of(
    recording: Recording,
    timeline: Timeline,
    *,
    peaks: Peaks | None,
    sound: PlayableSound,
    compared: Sequence[tuple[Figure, Figure | None]],
    against: str | None = None,
) -> str:
    """Return the page.

    :param compared: figures, and those of the recording `against` which they are compared.
    """
    header = recording.header
    settings = header.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    facts = [
        ("Model", settings.get("model")),
        ("Voice", settings.get("voice")),
        ("Microphone", header.get("microphone")),
        ("Speaker", header.get("speaker")),
        ("Version", header.get("version")),
    ]
    data = {
        "name": printable(recording.folder.absolute().name),
        "started": recording.fact("started"),
        "rate": SAMPLE_RATE_HZ,
        "end": timeline.end,
        "facts": [(name, _short(fact)) for name, fact in facts if isinstance(fact, str)],
        "notes": [printable(note) for note in recording.notes],
        "peaks": _peaks(peaks),
        "sound": {"source": sound.source, "embedded": sound.is_embedded},
        "turns": [_turn(line) for line in timeline.turns],
        "speech": timeline.speech,
        "sounds": timeline.sounds,
        "cuts": timeline.cuts,
        "waits": timeline.waits,
        "moments": _moments(timeline.moments),
        "figures": [(first.name, str(first), str(other or "")) for first, other in compared],
        "against": against and printable(against),
    }
    return assemble(data)


def assemble(data: dict[str, Any]) -> str:
    """Put the parts of the page together."""
    own = files("pipeline.replay")
    template = own.joinpath("page.html").read_text("utf-8")
    script = own.joinpath("page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    head, rest = template.split(_POLICY_MARK)
    middle, rest = rest.split(_DATA_MARK)
    last, end = rest.split(_SCRIPT_MARK)
    return "".join((MARK, head, f"sha256-{digest}", middle, as_safe_json(data), last, script, end))


def as_safe_json(data: object) -> str:
    """Return JSON without a character that could end a script or begin markup, all in ASCII."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)


def write_page(path: Path, text: str) -> None:
    """Write the page, readable by its owner only; a page that is there is replaced.

    :raises RecordingError: it cannot be written, or something else is there.
    """
    try:
        if kind := special_kind(path):
            raise RecordingError(f"{path} is {kind}: give --html the name of a file to write.")
        if path.exists() and not _is_page(path):
            raise RecordingError(
                f"{path} is no page of `replay` and is not overwritten: give --html another name."
            )
        replace_text(path, text)
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be written ({error.strerror}): give --html a file in a folder that you "
            "may write to, on a disk with room."
        ) from error


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(len(MARK))
    return begin in {MARK.encode(), b""}


def _short(fact: str) -> str:
    """Return a fact; of a WAV file only its name."""
    fact = shortened(printable(fact), 200)
    return Path(fact).name if fact.lower().endswith(".wav") else fact


def _peaks(peaks: Peaks | None) -> dict[str, Any] | None:
    if peaks is None:
        return None
    sides = [base64.b64encode(side.tobytes()).decode() for side in peaks.values]
    return {"bucket": peaks.bucket_samples, "sides": sides}


def _turn(line: Line) -> dict[str, Any]:
    words = [(word.place, printable(word.text)) for word in line.words]
    return {
        "role": line.role,
        "begin": line.begin,
        "end": line.end,
        "cut": line.cut,
        "words": words,
    }


def _moments(moments: Sequence[Moment]) -> dict[str, Any]:
    """Return the moments by columns: a page may hold 100,000."""
    kinds = sorted({moment.kind for moment in moments})
    numbers = {kind: number for number, kind in enumerate(kinds)}
    return {
        "kinds": kinds,
        "place": [moment.place for moment in moments],
        "kind": [numbers[moment.kind] for moment in moments],
        "text": [moment.text for moment in moments],
    }
