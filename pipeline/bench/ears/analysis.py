"""What became of the answers of a conversation: interruptions and pauses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.bench.cost import Cost
from pipeline.bench.ears.recording import Heard, Recording, Spoken, first_sample
from pipeline.pcm import SAMPLE_RATE_HZ, Samples, ms_to_samples

_SILENT_SAMPLES = ms_to_samples(20)
"""An answer that was zero for so long has fallen silent."""
_FADE_SAMPLES = ms_to_samples(6)
_UNTOLD_SAMPLES = ms_to_samples(1)
_MATCHED_SAMPLES = ms_to_samples(5)
_TOLD = 2
"""A sample this large is not 0 whatever the shape of the fade."""
_NOTICED_SAMPLES = ms_to_samples(500)
"""After a noise, in which a pause is due to it."""


@dataclass(frozen=True)
class Interruption:
    """Times from the first sample of a phrase, in ms."""

    round_trip_ms: int
    change_ms: float
    """To the first sample of the answer that did not sound as it is."""
    silence_ms: float
    """To its last sample."""
    noticed_here: bool
    """Whether the ears noticed the voice before the service did."""
    phrase: int


@dataclass(frozen=True)
class Pause:
    """A pause of an answer for which there was no voice."""

    cause: str
    """"nothing" or the name of the noise."""
    lasted_ms: float
    whole: bool
    """Whether the rest of the answer followed, and nothing of it was lost."""


def interruptions(recording: Recording) -> tuple[list[Interruption], int]:
    """Return what the phrases did, and how often an answer had paused by itself before."""
    found, by_itself = [], 0
    for spoken in recording.spoken:
        if spoken.kind != "interrupted":
            continue
        at = departure(recording, spoken)
        number, said_at, _ = spoken.said[0]
        if at is None or at < said_at:
            by_itself += 1
            continue
        silent = at + len(np.trim_zeros(recording.heard[at : spoken.end_sample], "b"))
        found.append(
            Interruption(
                spoken.round_trip_ms,
                recording.time_ms(at, spoken.said_at_ns),
                recording.time_ms(silent, spoken.said_at_ns),
                noticed_here=spoken.holds > 0,
                phrase=number,
            )
        )
    return found, by_itself


def pauses(recording: Heard, noises: list[str]) -> list[Pause]:
    """Return the pauses of answers over which nobody spoke."""
    found = []
    for spoken in recording.spoken:
        if spoken.kind not in {"first", "quiet", "noise"}:
            continue
        begins = first_sample(recording, spoken)
        heard = np.trim_zeros(recording.heard[begins : spoken.end_sample], "b")
        for at, lasted, whole in _silences(heard, np.trim_zeros(spoken.sound)):
            cause = _cause(spoken, begins + at, noises)
            found.append(Pause(cause, lasted * 1_000 / SAMPLE_RATE_HZ, whole))
    return found


def _cause(spoken: Spoken, at: int, noises: list[str]) -> str:
    """Return the noise over which an answer paused at a sample, or "nothing"."""
    for number, begins, length in spoken.said:
        if begins <= at < begins + length + _NOTICED_SAMPLES:
            return noises[number]
    return "nothing"


def _silences(heard: Samples, sound: Samples) -> Iterator[tuple[int, int, bool]]:
    """Yield where `heard` pauses, for how long, and whether the rest of `sound` follows."""
    start = place = 0
    while (length := _same(heard[start:], sound[place:])) < len(sound) - place:
        at, held = start + length, place + length
        silent = at + first_silence(heard[at:])
        goes_on = silent + int(np.argmax(heard[silent:] != 0))
        resumed = _resumed(heard, goes_on, sound[held:]) if heard[silent:].any() else None
        yield at, goes_on - silent, resumed is not None
        if resumed is None:
            return
        start, place = resumed + _FADE_SAMPLES, held + _FADE_SAMPLES


def _same(heard: Samples, sound: Samples) -> int:
    """Return how many samples are as they are in the answer."""
    count = min(len(heard), len(sound))
    different = np.flatnonzero(heard[:count] != sound[:count])
    return int(different[0]) if different.size else count


def _resumed(heard: Samples, goes_on: int, rest: Samples) -> int | None:
    """Return where `rest` begins, faded in; `goes_on` is its first sample that is not 0."""
    untold = _untold_samples(rest)
    compared = slice(_FADE_SAMPLES, untold + _FADE_SAMPLES + _MATCHED_SAMPLES)
    expected = rest[compared]

    def same(start: int) -> int:
        return _same(heard[start + _FADE_SAMPLES :], expected)

    best = max(range(max(0, goes_on - untold), goes_on + untold), key=same)
    return best if len(expected) and same(best) == len(expected) else None


def _untold_samples(rest: Samples) -> int:
    """Return how many samples around the first that is not 0 do not tell where `rest` begins.

    Those of a fade-out may be as they are in the answer, those of a fade-in 0: more, the quieter.
    """
    rising = np.minimum(np.arange(len(rest)) / _FADE_SAMPLES, 1)
    told = np.flatnonzero(np.abs(rest) * rising >= _TOLD)
    return _UNTOLD_SAMPLES + (int(told[0]) if told.size else len(rest))


def undisturbed_s(recording: Recording) -> float:
    """Return for how long answers sounded over which nobody spoke."""
    kinds = {"first", "quiet", "noise"}
    samples = sum(len(spoken.sound) for spoken in recording.spoken if spoken.kind in kinds)
    return samples / SAMPLE_RATE_HZ


def departure(recording: Heard, spoken: Spoken) -> int | None:
    """Return the first sample at the card that is not as it is in the answer; None: all are."""
    begins = first_sample(recording, spoken)
    expected = np.trim_zeros(spoken.sound, "f")
    heard = recording.heard[begins : spoken.end_sample][: len(expected)]
    same = _same(heard, expected)
    return begins + same if same < len(heard) else None


def ears_share(costs: Sequence[Cost]) -> float | None:
    """Return how much of a core the ears used; None without ears."""
    found = [cost.cpu_s_per_minute / 60 for cost in costs if cost.process == "ears"]
    return found[0] if found else None


def first_silence(heard: Samples) -> int:
    """Return where the first zeros begin that last."""
    sounding = np.concatenate([[-1], np.flatnonzero(heard)])
    gaps = np.flatnonzero(np.diff(sounding) > _SILENT_SAMPLES)
    return int(sounding[gaps[0]] if gaps.size else sounding[-1]) + 1
