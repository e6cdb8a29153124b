"""Sound for `benchmarks.ears`: the project's own voice, real speech, and small noises.

Real speech lies outside of the project, in `shared/speech` beside one of its parent folders. It is
read where it lies and never copied.
"""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pipeline.emulator.replies.sample_story import STORY
from pipeline.emulator.speech.synthesiser import Synthesiser
from pipeline.pcm import SAMPLE_RATE_HZ

Sound = npt.NDArray[np.float32]
"""24 kHz, full scale ±1."""

FRAME_SAMPLES = SAMPLE_RATE_HZ // 200
"""5 ms, in which levels are taken."""
_PAUSE_FRAMES = 60
_ONSET_BELOW_ACTIVE_DB = 25.0
_SHARP_WITHIN_FRAMES = 12
_SHARP_BELOW_ACTIVE_DB = 10.0


def speech_folder() -> Path | None:
    """Return the folder of real speech, if this machine has it."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "speech"
        if folder.is_dir():
            return folder
    return None


def read(path: Path) -> Sound:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    converted: Sound = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    return converted


@cache
def own_voice() -> Sound:
    """Return the offline service's voice; the synthesiser is random, so the first one is kept."""
    kept = Path(tempfile.gettempdir()) / "voice-pipeline-ears-own-voice.npy"
    if kept.exists():
        loaded: Sound = np.load(kept)
        return loaded
    voice = Synthesiser()
    spoken = np.concatenate([voice.say(f"{sentence}.") for sentence in STORY.split(". ")])
    sound = (spoken / 32_768).astype(np.float32)
    np.save(kept, sound)
    return sound


def far_voices() -> list[Sound]:
    """Return the program's own voice and real speakers, each at one level."""
    folder = speech_folder()
    files = sorted((folder / "far").iterdir()) if folder else []
    return [at_level(sound, -23.0) for sound in (own_voice(), *map(read, files))]


def near_phrases(*, sharp: bool = True) -> list[Sound]:
    """Return phrases of real speakers that begin exactly at their onset.

    :param sharp: only those that are loud within 60 ms
    """
    folder = speech_folder()
    if folder is None:
        return [at_level(own_voice()[: 2 * SAMPLE_RATE_HZ], -26.0)]
    phrases = []
    for path in sorted((folder / "near").iterdir()):
        sound = at_level(read(path), -26.0)
        phrases += [phrase for phrase in _phrases(sound) if not sharp or _is_sharp(phrase)]
    return phrases


def _phrases(sound: Sound) -> Iterator[Sound]:
    """Split at pauses of 300 ms."""
    loud = np.flatnonzero(frame_levels_db(sound) > active_level_db(sound) - _ONSET_BELOW_ACTIVE_DB)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(loud) > _PAUSE_FRAMES) + 1])
    for start, end in zip(starts, [*starts[1:], loud.size], strict=True):
        first, last = loud[start], loud[end - 1]
        if last - first > 80 and first > 20:
            yield sound[first * FRAME_SAMPLES : (last + 1) * FRAME_SAMPLES]


def _is_sharp(phrase: Sound) -> bool:
    first = frame_levels_db(phrase)[:_SHARP_WITHIN_FRAMES]
    return bool(first.max() > active_level_db(phrase) - _SHARP_BELOW_ACTIVE_DB)


def coughs() -> list[Sound]:
    """Return single coughs."""
    folder = speech_folder()
    if folder is None:
        return []
    found = []
    for path in sorted((folder / "events").glob("cough*")):
        sound = at_level(read(path), -26.0)
        found += [cough[:SAMPLE_RATE_HZ] for cough in _phrases(sound)]
    return found


def mm_hms(count: int = 12) -> list[Sound]:
    """Return hummed assents: two syllables, the second one higher."""
    return [_mm_hm(np.random.default_rng(seed)) for seed in range(count)]


def _mm_hm(random: np.random.Generator) -> Sound:
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


def clicks(count: int = 12) -> list[Sound]:
    """Return keys and doors: short bursts of noise, bright or dull."""
    return [_click(np.random.default_rng(100 + seed), dull=seed % 4 == 3) for seed in range(count)]


def _click(random: np.random.Generator, *, dull: bool) -> Sound:
    length = round((0.25 if dull else 0.05) * SAMPLE_RATE_HZ)
    decay = np.exp(-np.arange(length) / SAMPLE_RATE_HZ / (0.05 if dull else 0.006))
    noise = random.standard_normal(length) * decay
    if dull:
        noise = np.convolve(noise, np.ones(80) / 80, "same")
    return np.asarray(noise / np.abs(noise).max() * (0.4 if dull else 0.2), np.float32)


def office() -> Sound | None:
    folder = speech_folder()
    return read(folder / "office-ambience-24000-mono.mp3") if folder else None


def frame_levels_db(sound: Sound) -> Sound:
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels: Sound = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-10)
    return levels


def active_level_db(sound: Sound) -> float:
    """Level of the frames within 25 dB of the loudest."""
    levels = frame_levels_db(sound)
    active = levels[levels > levels.max() - 25]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def at_level(sound: Sound, level_db: float) -> Sound:
    scaled: Sound = sound * np.float32(10 ** ((level_db - active_level_db(sound)) / 20))
    return scaled
