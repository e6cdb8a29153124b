"""A card that refuses 24 kHz is opened at its own rate, and sounds the same."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from tests.support.answers import answer
from tests.support.jack_card import JackCard, talking
from tests.support.sound import RATE_HZ, Samples, noise

BAND_HZ = 8_000
"""Twice the highest frequency of the test signal: every rate here keeps all of it."""

EDGE_SAMPLES = RATE_HZ // 200
"""A resampler rings before and after a sound."""


def test_both_ways_at_once(fast_card: JackCard, tmp_path: Path) -> None:
    spoken, answered = band_limited(seed=1), band_limited(seed=2)
    with talking(fast_card, tmp_path) as talk:
        assert fast_card.rate_hz != RATE_HZ
        talk.service.call(answer(talk.session, "answer", resampled(answered, RATE_HZ)))
        talk.service.call(talk.session.end_answer("answer", "item_answer"))
        talk.say(resampled(spoken, fast_card.rate_hz))
        talk.wait_ready()
        heard = soxr.resample(talk.peer.heard(), fast_card.rate_hz, RATE_HZ)
        arrived = talk.arrived()
    check_alike(arrived, resampled(spoken, RATE_HZ))
    check_alike(heard, resampled(answered, RATE_HZ))


def band_limited(seed: int) -> Samples:
    """Two and a half seconds of noise at `BAND_HZ`."""
    return noise(2.5 * BAND_HZ / RATE_HZ, -12_000, 12_000, seed)


def resampled(sound: Samples, rate_hz: int) -> Samples:
    converted: Samples = soxr.resample(sound, BAND_HZ, rate_hz)
    return converted


def check_alike(recorded: Samples, original: Samples) -> None:
    """`recorded` is `original` at one place, as long as it, and silence elsewhere."""
    sounding = np.flatnonzero(np.abs(recorded.astype(np.int32)) > 50)
    length = int(sounding[-1] - sounding[0] + 1)
    assert abs(length - len(original)) <= 2 * EDGE_SAMPLES
    start = best_match(recorded, original)
    assert abs(start - int(sounding[0])) <= EDGE_SAMPLES
    part = recorded[start : start + len(original)]
    likeness = float(np.corrcoef(part, original)[0, 1])
    assert likeness > 0.99


def best_match(recorded: Samples, original: Samples) -> int:
    """Where in `recorded` the cross-correlation with `original` is highest."""
    size = 1 << (len(recorded) + len(original)).bit_length()
    spectrum: npt.NDArray[np.complex128] = np.fft.rfft(recorded, size)
    correlation = np.fft.irfft(spectrum * np.conj(np.fft.rfft(original, size)), size)
    return int(correlation[: len(recorded)].argmax())
