"""What happened in a conversation and where it lies in the sound, from the recorded events.

Places are samples of conversation.wav. The events may be of any version, or damaged: what does not
fit is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ
from pipeline.recorder.reading import RecordingClock, whole_number
from pipeline.recorder.transcript import Line, Transcript
from pipeline.system.text import printable, shortened

LONGEST_WAIT_MS = 120_000
"""A longer wait belongs to something else."""

_LONGEST_TEXT = 400
_WORDS = "assistant_said"
_NOT_LISTED = frozenset({_WORDS, "levels", "clock"})
"""Words are in the turns; the others come all the time."""


class Span(NamedTuple):
    """From one place to another."""

    begin: int
    end: int


class Sound(NamedTuple):
    """An answer item, counted from 1, that sounded without a pause."""

    begin: int
    end: int
    item: int


class Cut(NamedTuple):
    """An interruption: the old answer was silent at `place`.

    :ivar noticed: where `speech_started` was read; None if that is not known.
    :ivar generation: number of interruptions, this one included.
    """

    place: int
    noticed: int | None
    latency_ms: float | None
    generation: int
    item: int
    heard_samples: int


class Wait(NamedTuple):
    """From the end of the user's speech, as the service tells it, to the answer's first sound."""

    asked: int
    sounded: int

    @property
    def ms(self) -> float:
        return (self.sounded - self.asked) * 1_000 / SAMPLE_RATE_HZ


class Moment(NamedTuple):
    """Anything that happened, in words."""

    place: int
    kind: str
    text: str


@dataclass(slots=True)
class Timeline:
    """All of it, each list in the order of the places."""

    turns: list[Line] = field(default_factory=list)
    speech: list[Span] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    missed_periods: dict[str, int] = field(default_factory=dict)
    end: int = 0

    def count(self, kind: str) -> int:
        """Return how often something of a kind happened."""
        return sum(moment.kind == kind for moment in self.moments)


def timeline_of(entries: list[dict[str, Any]], samples: int) -> Timeline:
    """Return the timeline of `entries` beside a sound of so many samples."""
    clock = _clock(entries)
    made = Timeline()
    transcript = Transcript("", reads_ahead=_reads_ahead(entries))
    for entry in entries:
        place = _place(entry, clock)
        kind = _kind(entry)
        if place is None or kind is None:
            continue
        made.end = max(made.end, place)
        if "event" in entry:
            transcript.take(entry, place)
        _take_record(made, entry, place, clock)
        if kind not in _NOT_LISTED:
            made.moments.append(Moment(place, kind, _text(entry)))
    made.turns = transcript.lines
    made.end = max([samples, made.end, *(sound.end for sound in made.sounds)])
    made.speech = list(_speech(made))
    made.sounds.sort()
    made.cuts.sort()
    made.moments.sort(key=lambda moment: moment.place)
    made.waits = list(_waits(made))
    return made


def _clock(entries: list[dict[str, Any]]) -> RecordingClock:
    """Return the clock; without a header the first event is where the sound begins."""
    first = next((n for e in entries if (n := whole_number(e.get("time_ns"))) is not None), 0)
    return RecordingClock([{"record": "header", "time_ns": first, "sample": 0}, *entries])


def _reads_ahead(entries: list[dict[str, Any]]) -> bool:
    settings = entries[0].get("settings") if entries else None
    return isinstance(settings, dict) and settings.get("read_ahead") is True


def _kind(entry: dict[str, Any]) -> str | None:
    kind = entry.get("event", entry.get("record"))
    return shortened(printable(kind), 40) if isinstance(kind, str) else None


def _place(entry: dict[str, Any], clock: RecordingClock) -> int | None:
    place = whole_number(entry.get("sample")) if "record" in entry else None
    if place is None and (time_ns := whole_number(entry.get("time_ns"))) is not None:
        place = clock.place(time_ns)
    return place if place is None else max(0, place)


def _take_record(made: Timeline, entry: dict[str, Any], place: int, clock: RecordingClock) -> None:
    if entry.get("record") == "sound":
        end, item = whole_number(entry.get("end_sample")), whole_number(entry.get("item"))
        if end is not None and end > place:
            made.sounds.append(Sound(place, end, item or 0))
    elif entry.get("record") == "cut":
        made.cuts.append(_cut(entry, place, clock))
    elif entry.get("event") == "periods_missed":
        part, periods = entry.get("part"), entry.get("periods")
        if isinstance(part, str) and isinstance(periods, list):
            made.missed_periods[part] = made.missed_periods.get(part, 0) + len(periods)


def _cut(entry: dict[str, Any], place: int, clock: RecordingClock) -> Cut:
    silent_ns = whole_number(entry.get("time_ns")) or 0
    noticed_ns = whole_number(entry.get("speech_heard_ns")) or 0
    latency_ms = (silent_ns - noticed_ns) / NS_PER_MS
    is_known = noticed_ns > 0 and 0 <= latency_ms <= LONGEST_WAIT_MS
    return Cut(
        place,
        clock.place(noticed_ns) if is_known else None,
        latency_ms if is_known else None,
        whole_number(entry.get("generation")) or 0,
        whole_number(entry.get("item")) or 0,
        whole_number(entry.get("heard_samples")) or 0,
    )


def _text(entry: dict[str, Any]) -> str:
    """Return the fields of an entry in words."""
    if entry.get("record") == "header":
        return ""
    fields = {
        name: value
        for name, value in entry.items()
        if name not in {"event", "record", "time_ns", "sample"}
    }
    words = [
        str(value) if len(fields) == 1 else f"{printable(name)}: {value}"
        for name, value in fields.items()
    ]
    return shortened(printable(", ".join(words)), _LONGEST_TEXT)


def _speech(made: Timeline) -> Iterator[Span]:
    """Find where the user spoke, as the service tells it."""
    begin: int | None = None
    for moment in sorted(made.moments, key=lambda moment: moment.place):
        if moment.kind == "listening":
            begin = moment.place
        elif moment.kind == "processing" and begin is not None:
            yield Span(begin, moment.place)
            begin = None
    if begin is not None:
        yield Span(begin, made.end)


def _waits(made: Timeline) -> Iterator[Wait]:
    """Pair each end of speech with the first sound before the user speaks again."""
    sounds = iter(made.sounds)
    sound = next(sounds, None)
    for number, speech in enumerate(made.speech):
        later = made.speech[number + 1].begin if number + 1 < len(made.speech) else made.end + 1
        while sound is not None and sound.begin < speech.end:
            sound = next(sounds, None)
        if sound is None:
            return
        wait = Wait(speech.end, sound.begin)
        if sound.begin < later and wait.ms <= LONGEST_WAIT_MS:
            yield wait
