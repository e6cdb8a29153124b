"""Sound for `benchmarks.ears`: the project's own voice, real speech, and small noises.

Real speech lies outside of the project, in `shared/speech` beside one of its parent folders. It is
read where it lies and never copied.
"""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.bench.ears.sounds import (
    FRAME_SAMPLES,
    active_level_db,
    at_level,
    click,
    frame_levels_db,
    is_sharp,
    mm_hm,
    read,
    split,
)
from pipeline.emulator.replies.sample_story import STORY
from pipeline.emulator.speech.synthesiser import Synthesiser
from pipeline.pcm import SAMPLE_RATE_HZ, Sound, ms_to_samples

__all__ = [
    "FRAME_SAMPLES",
    "Sound",
    "active_level_db",
    "at_level",
    "clicks",
    "coughs",
    "far_voices",
    "frame_levels_db",
    "mm_hms",
    "near_phrases",
    "office",
    "own_voice",
    "read",
    "short_words",
    "speech_folder",
]


def speech_folder() -> Path | None:
    """Return the folder of real speech, if this machine has it."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "speech"
        if folder.is_dir():
            return folder
    return None


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
        phrases += [phrase for phrase in split(sound) if not sharp or is_sharp(phrase)]
    return phrases


def coughs() -> list[Sound]:
    """Return single coughs."""
    folder = speech_folder()
    if folder is None:
        return []
    found = []
    for path in sorted((folder / "events").glob("cough*")):
        sound = at_level(read(path), -26.0)
        found += [cough[:SAMPLE_RATE_HZ] for cough in split(sound)]
    return found


def short_words(count: int, ms: float = 300) -> list[Sound]:
    """Return as much of a word, or of two, as real speakers say at once."""
    length, fade = ms_to_samples(ms), np.linspace(1, 0, ms_to_samples(30), dtype=np.float32)
    words = [phrase[:length].copy() for phrase in near_phrases()[-count:]]
    for word in words:
        word[-fade.size :] *= fade
    return words


def mm_hms(count: int = 12) -> list[Sound]:
    """Return hummed assents."""
    return [mm_hm(np.random.default_rng(seed)) for seed in range(count)]


def clicks(count: int = 12) -> list[Sound]:
    """Return keys and doors: short bursts of noise, bright or dull."""
    return [click(np.random.default_rng(100 + seed), dull=seed % 4 == 3) for seed in range(count)]


def office() -> Sound | None:
    folder = speech_folder()
    return read(folder / "office-ambience-24000-mono.mp3") if folder else None
