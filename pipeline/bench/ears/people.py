"""Recordings of people: short phrases that interrupt, and sentences whose words are known."""

from pathlib import Path

import numpy as np

from pipeline.bench.ears.sounds import (
    FRAME_SAMPLES,
    NEAR_DB,
    Phrase,
    at_level,
    frame_levels_db,
    from_onset,
    is_sharp,
    read,
    split,
)
from pipeline.bench.ears.words import words_of
from pipeline.errors import UsageError
from pipeline.pcm import SAMPLE_RATE_HZ, Sound

LONGEST_PHRASE_S = 2.2
_SHORTEST_PHRASE_S = 1.2
"""A phrase that is too long ends at its best pause after this."""
_PAUSE_FRAMES = 10
LONGEST_SENTENCE_S = 8.0
_SPOKEN_FILES = {".wav", ".flac"}


def recorded_phrases(folder: Path) -> list[Phrase]:
    """Return the phrases in the recordings of people in `folder`.

    :raises UsageError: there are none.
    """
    spoken = [at_level(read(path), NEAR_DB) for path in _recordings(folder)]
    phrases = [Phrase(shortened(p)) for sound in spoken for p in split(sound) if is_sharp(p)]
    if not phrases:
        raise UsageError(
            f"{folder} holds no speech that can be used: .wav or .flac files are expected, with "
            "phrases that begin after a pause."
        )
    return phrases


def recorded_sentences(folder: Path) -> list[Phrase]:
    """Return the recordings in `folder` that are short, and have a text of their name beside them.

    :raises UsageError: a text cannot be read, or has no words.
    """
    sentences = []
    for path in _recordings(folder):
        text = path.with_suffix(".txt")
        if text.exists():
            sentence = Phrase(at_level(from_onset(read(path)), NEAR_DB), _text_in(text))
            if sentence.sound.size <= LONGEST_SENTENCE_S * SAMPLE_RATE_HZ:
                sentences.append(sentence)
    return sentences


def shortened(sound: Sound) -> Sound:
    """End a phrase that is too long where it is quietest, which is rarely within a word."""
    longest = round(LONGEST_PHRASE_S * SAMPLE_RATE_HZ)
    if sound.size <= longest:
        return sound
    powers = 10 ** (frame_levels_db(sound[:longest]) / 10)
    first = round(_SHORTEST_PHRASE_S * SAMPLE_RATE_HZ) // FRAME_SAMPLES
    around = np.convolve(powers[first:], np.ones(_PAUSE_FRAMES), "valid")
    return sound[: (first + int(np.argmin(around)) + _PAUSE_FRAMES // 2) * FRAME_SAMPLES]


def _recordings(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in _SPOKEN_FILES)


def _text_in(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The text {path} cannot be read: {error}.") from error
    if not words_of(text):
        raise UsageError(f"{path} holds no words: what is said in the recording is expected.")
    return text
