"""By how much the ears reduce the echo of answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.bench.ears.recording import Heard, Spoken, first_sample
from pipeline.bench.ears.sounds import level_db, mean_power, sound_of
from pipeline.pcm import SAMPLE_RATE_HZ, ms_to_samples

_WINDOW_SAMPLES = ms_to_samples(250)
_AUDIBLE_DB = -60.0
_LEARNT_DB = 15.0
_SETTLED_S = 3.0


@dataclass(frozen=True)
class EchoReduction:
    """By how much less echo was sent than the microphone heard."""

    learnt_after_s: float | None
    """Sound of the first answer until the echo was 15 dB less; None: never."""
    settled_db: float | None
    """After three seconds of sound."""


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


def _windows(
    recording: Heard, spoken: Spoken, offset: int
) -> Iterator[tuple[float, tuple[float, float]]]:
    """Yield each window of an answer in which the microphone heard the echo.

    :returns: seconds of the answer up to its end; power at the microphone, and of what was sent.
    """
    begins = first_sample(recording, spoken)
    for begin in range(begins, spoken.end_sample - _WINDOW_SAMPLES, _WINDOW_SAMPLES):
        heard = recording.microphone[begin : begin + _WINDOW_SAMPLES]
        sent = recording.sent[begin + offset : begin + offset + _WINDOW_SAMPLES]
        if level_db(heard) > _AUDIBLE_DB and len(sent) == _WINDOW_SAMPLES:
            end_s = (begin + _WINDOW_SAMPLES - begins) / SAMPLE_RATE_HZ
            yield end_s, (mean_power(heard), mean_power(sound_of(sent)))


def _ratio_db(powers: Sequence[tuple[float, float]]) -> float:
    """Return by how much the sum of the second powers is less than that of the first."""
    heard, sent = np.sum(powers, axis=0)
    return float(10 * np.log10(heard / max(sent, 1e-12)))
