"""What the recordings of one conversation show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.bench.cost import Cost
from pipeline.bench.ears.conversation import Heard, Recording, Spoken
from pipeline.bench.ears.sounds import level_db, mean_power, sound_of
from pipeline.bench.jack_card import Sound
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ, Samples, ms_to_samples, samples_to_ns

_SILENT_SAMPLES = ms_to_samples(20)
"""An answer that was zero for so long has fallen silent."""
_FADE_SAMPLES = ms_to_samples(6)
_UNTOLD_SAMPLES = ms_to_samples(1)
_MATCHED_SAMPLES = ms_to_samples(5)
_NOTICED_SAMPLES = ms_to_samples(500)
"""After a noise, in which a pause is due to it."""
_WINDOW_SAMPLES = ms_to_samples(250)
_ECHO_AUDIBLE_DB = -60.0
_RECENT_SAMPLES = ms_to_samples(200)
_LEARNT_DB = 15.0
_SETTLED_S = 3.0


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


@dataclass(frozen=True)
class EchoReduction:
    """By how much less echo was sent than the microphone heard."""

    learnt_after_s: float | None
    """Sound of the first answer until the echo was 15 dB less; None: never."""
    settled_db: float | None
    """After three seconds of sound."""


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
                _time_ms(recording, at, spoken.said_at_ns),
                _time_ms(recording, silent, spoken.said_at_ns),
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
        begins = _begins(recording, spoken)
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
    # The first samples of a fade-in may be zero, those of a fade-out as they are in the answer.
    for start in range(goes_on + _UNTOLD_SAMPLES, goes_on - _UNTOLD_SAMPLES, -1):
        if _same(heard[start + _FADE_SAMPLES :], rest[_FADE_SAMPLES:]) >= _MATCHED_SAMPLES:
            return start
    return None


def undisturbed_s(recording: Recording) -> float:
    """Return for how long answers sounded over which nobody spoke."""
    kinds = {"first", "quiet", "noise"}
    samples = sum(len(spoken.sound) for spoken in recording.spoken if spoken.kind in kinds)
    return samples / SAMPLE_RATE_HZ


def speaks_ms(recording: Recording) -> list[float]:
    """Return the time from the first delta to the first sample of each answer."""
    return [
        _time_ms(recording, _begins(recording, spoken), spoken.sent_ns)
        - _leading(spoken.sound) * 1_000 / SAMPLE_RATE_HZ
        for spoken in recording.spoken
    ]


def departure(recording: Heard, spoken: Spoken) -> int | None:
    """Return the first sample at the card that is not as it is in the answer; None: all are."""
    begins = _begins(recording, spoken)
    expected = np.trim_zeros(spoken.sound, "f")
    heard = recording.heard[begins : spoken.end_sample][: len(expected)]
    same = _same(heard, expected)
    return begins + same if same < len(heard) else None


def sent_offset(recording: Recording) -> int:
    """Return the place of a sample in what was sent, less its place at the card."""
    until = recording.marker_sample + 5 * SAMPLE_RATE_HZ
    found = best_lag(sound_of(recording.marker), sound_of(recording.sent[:until]))
    return found - recording.marker_sample


def best_lag(template: Sound, sound: Sound) -> int:
    """Return where in `sound` `template` begins."""
    size = 1 << (sound.size + template.size).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(template, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: sound.size]))


def microphone_delays_ms(recording: Recording) -> list[float]:
    """Return, for each piece that was sent while an answer sounded, how old its last sample was.

    It counts from the card's period in which the microphone heard that sample.
    """
    offset = sent_offset(recording)
    sounding = _recently_sounding(recording.heard)
    found = []
    for arrived_ns, sent in recording.arrivals:
        last = sent - 1 - offset
        if recording.marker_sample < last < recording.heard.size and sounding(last):
            found.append((arrived_ns - _period_ns(recording, last)) / NS_PER_MS)
    return found


def echo_reduction(recording: Heard, offset: int) -> EchoReduction:
    """Compare what the microphone heard with what was sent, while nobody spoke.

    :param offset: as of `sent_offset`.
    """
    learnt_after_s, settled = None, []
    for spoken in recording.spoken:
        if spoken.kind not in {"first", "quiet"}:
            continue
        for heard_s, powers in _windows(recording, spoken, offset):
            reduced_db = _ratio_db([powers])
            if spoken.kind == "first" and learnt_after_s is None and reduced_db >= _LEARNT_DB:
                learnt_after_s = heard_s
            if spoken.kind == "quiet" or heard_s > _SETTLED_S:
                settled.append(powers)
    return EchoReduction(learnt_after_s, _ratio_db(settled) if settled else None)


def sent_phrases(recording: Recording) -> list[tuple[int, Sound]]:
    """Return the number of each phrase over an answer that goes on, and what was sent of it."""
    offset = sent_offset(recording)
    return [
        (number, sound_of(recording.sent[start + offset :][: length + _RECENT_SAMPLES]))
        for spoken in recording.spoken
        if spoken.kind == "double talk"
        for number, start, length in spoken.said
    ]


def sent_answers(recording: Recording) -> Samples:
    """Return what was sent while the first answers sounded, over which nobody spoke."""
    offset = sent_offset(recording)
    parts = [
        recording.sent[spoken.start_sample + offset : spoken.end_sample + offset]
        for spoken in recording.spoken
        if spoken.kind in {"first", "quiet"}
    ]
    return np.concatenate(parts)


def seconds(samples: Samples) -> float:
    return samples.size / SAMPLE_RATE_HZ


def ears_share(costs: Sequence[Cost]) -> float | None:
    """Return how much of a core the ears used; None without ears."""
    found = [cost.cpu_s_per_minute / 60 for cost in costs if cost.process == "ears"]
    return found[0] if found else None


def _windows(
    recording: Heard, spoken: Spoken, offset: int
) -> Iterator[tuple[float, tuple[float, float]]]:
    """Yield each window of an answer in which the microphone heard the echo.

    :returns: seconds of the answer up to its end; power at the microphone, and of what was sent.
    """
    begins = _begins(recording, spoken)
    for begin in range(begins, spoken.end_sample - _WINDOW_SAMPLES, _WINDOW_SAMPLES):
        heard = recording.microphone[begin : begin + _WINDOW_SAMPLES]
        sent = recording.sent[begin + offset : begin + offset + _WINDOW_SAMPLES]
        if level_db(heard) > _ECHO_AUDIBLE_DB and len(sent) == _WINDOW_SAMPLES:
            end_s = (begin + _WINDOW_SAMPLES - begins) / SAMPLE_RATE_HZ
            yield end_s, (mean_power(heard), mean_power(sound_of(sent)))


def _ratio_db(powers: Sequence[tuple[float, float]]) -> float:
    """Return by how much the sum of the second powers is less than that of the first."""
    heard, sent = np.sum(powers, axis=0)
    return float(10 * np.log10(heard / max(sent, 1e-12)))


def _begins(recording: Heard, spoken: Spoken) -> int:
    """Return the first sample at the card that is not silent."""
    return spoken.start_sample + int(np.argmax(recording.heard[spoken.start_sample :] != 0))


def _leading(sound: Samples) -> int:
    """Return the number of silent samples at the beginning."""
    return len(sound) - len(np.trim_zeros(sound, "f"))


def first_silence(heard: Samples) -> int:
    """Return where the first zeros begin that last."""
    sounding = np.concatenate([[-1], np.flatnonzero(heard)])
    gaps = np.flatnonzero(np.diff(sounding) > _SILENT_SAMPLES)
    return int(sounding[gaps[0]] if gaps.size else sounding[-1]) + 1


def _recently_sounding(heard: Samples) -> "_Sounding":
    return _Sounding(np.concatenate([[0], np.cumsum(heard != 0)]))


@dataclass(frozen=True)
class _Sounding:
    """Whether an answer sounded shortly before a sample."""

    sounding_until: npt.NDArray[np.int64]

    def __call__(self, sample: int) -> bool:
        before = max(0, sample - _RECENT_SAMPLES)
        return bool(self.sounding_until[sample] > self.sounding_until[before])


def _period_ns(recording: Recording, sample: int) -> int:
    """Return when the card's period with `sample` began."""
    return int(recording.period_times_ns[sample // _period_samples(recording)])


def _period_samples(recording: Recording) -> int:
    return round(recording.heard.size / recording.period_times_ns.size)


def _time_ms(recording: Recording, sample: int, since_ns: int) -> float:
    """Return the time of `sample`, less `since_ns`."""
    within_ns = samples_to_ns(sample % _period_samples(recording))
    return (_period_ns(recording, sample) + within_ns - since_ns) / NS_PER_MS
