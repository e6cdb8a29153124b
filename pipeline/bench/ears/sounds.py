"""Voices and small noises at known levels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from pipeline.pcm import FULL_SCALE, SAMPLE_RATE_HZ, Samples, Sound, ms_to_samples

NEAR_DB = -26.0
"""Level of a person's voice, in dBFS."""
ANSWER_DB = -23.0

FRAME_SAMPLES = SAMPLE_RATE_HZ // 200
"""5 ms, in which levels are taken."""
_PAUSE_FRAMES = 60
_ONSET_BELOW_ACTIVE_DB = 25.0
_SHARP_WITHIN_FRAMES = 12
_SHARP_BELOW_ACTIVE_DB = 10.0
_SHORTEST_FRAMES = 80


@dataclass(frozen=True)
class Phrase:
    """What a person says over an answer; it begins exactly at its onset."""

    sound: Sound
    words: str = ""
    """Empty: not known."""


def read(path: Path) -> Sound:
    """Return a file's sound at 24 kHz; of several channels the first."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    converted: Sound = soxr.resample(samples[:, 0], rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    return converted


def split(sound: Sound) -> Iterator[Sound]:
    """Split at pauses of 300 ms."""
    loud = np.flatnonzero(frame_levels_db(sound) > active_level_db(sound) - _ONSET_BELOW_ACTIVE_DB)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(loud) > _PAUSE_FRAMES) + 1])
    for start, end in zip(starts, [*starts[1:], loud.size], strict=True):
        first, last = loud[start], loud[end - 1]
        if last - first > _SHORTEST_FRAMES and first > 20:
            yield sound[first * FRAME_SAMPLES : (last + 1) * FRAME_SAMPLES]


def from_onset(sound: Sound) -> Sound:
    """Return `sound` from the first frame that is loud to the last one."""
    loud = np.flatnonzero(frame_levels_db(sound) > active_level_db(sound) - _ONSET_BELOW_ACTIVE_DB)
    return sound[loud[0] * FRAME_SAMPLES : (loud[-1] + 1) * FRAME_SAMPLES]


def is_sharp(phrase: Sound) -> bool:
    """Whether a phrase is loud within 60 ms."""
    first = frame_levels_db(phrase)[:_SHARP_WITHIN_FRAMES]
    return bool(first.max() > active_level_db(phrase) - _SHARP_BELOW_ACTIVE_DB)


def mm_hm(random: np.random.Generator) -> Sound:
    """Return a hummed assent: two syllables, the second one higher."""
    pitch_hz = random.uniform(95, 210)
    syllables = []
    for rise, length_s in ((1.0, random.uniform(0.12, 0.18)), (1.25, random.uniform(0.15, 0.25))):
        at = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        phase = 2 * np.pi * pitch_hz * rise * (at + 0.15 * at**2)
        # A closed mouth lets the low harmonics pass.
        hum = sum(np.sin(n * phase) / n**1.6 for n in range(1, 12))
        syllables.append(hum * np.sin(np.pi * np.arange(at.size) / at.size) ** 0.5)
    pause = np.zeros(round(random.uniform(0.03, 0.07) * SAMPLE_RATE_HZ))
    return at_level(np.concatenate([syllables[0], pause, syllables[1]]).astype(np.float32), -30.0)


def click(random: np.random.Generator, *, dull: bool) -> Sound:
    """Return a key or, `dull`, a door: a short burst of noise."""
    length = round((0.25 if dull else 0.05) * SAMPLE_RATE_HZ)
    decay = np.exp(-np.arange(length) / SAMPLE_RATE_HZ / (0.05 if dull else 0.006))
    noise = random.standard_normal(length) * decay
    if dull:
        noise = np.convolve(noise, np.ones(80) / 80, "same")
    return np.asarray(noise / np.abs(noise).max() * (0.4 if dull else 0.2), np.float32)


def sweep(seconds: float, wanted_db: float) -> Sound:
    """Return a tone that rises from 200 Hz to 6 kHz; it is like no other part of itself."""
    at = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    rise = np.log(6_000 / 200)
    phase = 2 * np.pi * 200 * seconds / rise * np.expm1(at / seconds * rise)
    fade = np.minimum(1, np.minimum(at, seconds - at) / 0.01)
    return at_level(np.asarray(np.sin(phase) * fade, np.float32), wanted_db)


def mean_power(sound: Sound) -> float:
    return float(np.mean(np.square(sound, dtype=np.float64)))


def level_db(sound: Sound) -> float:
    """Level of the whole of `sound` in dBFS, at least -100."""
    return float(10 * np.log10(mean_power(sound) + 1e-10))


def frame_levels_db(sound: Sound) -> Sound:
    """Levels of frames of 5 ms."""
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels: Sound = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-10)
    return levels


def active_level_db(sound: Sound) -> float:
    """Level of the frames within 25 dB of the loudest."""
    levels = frame_levels_db(sound)
    active = levels[levels > levels.max() - 25]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def at_level(sound: Sound, wanted_db: float) -> Sound:
    """Return `sound` at this active level."""
    scaled: Sound = sound * np.float32(10 ** ((wanted_db - active_level_db(sound)) / 20))
    return scaled


def pcm16(sound: Sound) -> Samples:
    """Return `sound` as samples; what exceeds full scale is clipped."""
    samples: Samples = np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(
        np.int16
    )
    return samples


def sound_of(samples: Samples) -> Sound:
    """Return `samples`, full scale ±1."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def silence(ms: float) -> Sound:
    return np.zeros(ms_to_samples(ms), np.float32)
