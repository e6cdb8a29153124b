"""Word errors of speech over an answer, as the offline service's recogniser hears it."""

import re
from collections.abc import Sequence

import numpy as np
import soxr

from benchmarks.ear_scenes import NEAR_DB, Scene, scene
from benchmarks.ear_sounds import Sound, at_level, read, speech_folder
from benchmarks.echo_paths import EchoPath
from pipeline.emulator.audio.pcm16k import RATE_16K_HZ
from pipeline.emulator.speech.detector import DetectorModel
from pipeline.emulator.speech.numerals import cardinal
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.pcm import SAMPLE_RATE_HZ, Samples, ms_to_samples

SENTENCES = {
    "jfk.wav": (
        "and so my fellow americans ask not what your country can do for you "
        "ask what you can do for your country"
    ),
    "az_whatstheweatherlike.wav": "what's the weather like",
    "az_pron.wav": "hello world today is a nice nice day",
    "az_kws.wav": "computer what's the weather like",
    "ps_goforward.wav": "go forward ten meters",
    "ps_librivox_0880.wav": "he was not an ill disposed young man",
    "ps_librivox_0930.wav": "he might even have been made amiable himself",
    "ps_cards_005.wav": "eight of spades four of clubs seven of hearts",
}
"""What is said in the files of `shared/speech`."""
FIRST_S = 8.0
_PAUSE_S = 1.5
_BEFORE_SAMPLES = ms_to_samples(300)
"""The service keeps so much before the first speech."""


def sentences() -> list[tuple[Sound, str]]:
    """Return the sentences and their words; none without the folder of real speech."""
    folder = speech_folder()
    if folder is None:
        return []
    return [(at_level(read(folder / name), NEAR_DB), words) for name, words in SENTENCES.items()]


def seconds_of(spoken: Sequence[Sound]) -> float:
    """Return how long an answer must be for all of `spoken` over it."""
    return FIRST_S + sum(sound.size / SAMPLE_RATE_HZ + _PAUSE_S for sound in spoken)


def spoken_over(played: Sound, path: EchoPath, echo_db: float, spoken: Sequence[Sound]) -> Scene:
    """Return a scene in which every sentence is spoken over the echo, one after the other."""
    echo = scene(played, path, echo_db)
    microphone = echo.microphone.astype(np.float32)
    start, near = round(FIRST_S * SAMPLE_RATE_HZ), []
    for sound in spoken:
        microphone[start : start + sound.size] += sound * 32_768
        near.append((start, start + sound.size))
        start += sound.size + round(_PAUSE_S * SAMPLE_RATE_HZ)
    clipped = np.clip(np.rint(microphone), -32_768, 32_767).astype(np.int16)
    return Scene(clipped, echo.reference, near)


class Listener:
    """The recogniser, and how many words it gets wrong."""

    def __init__(self) -> None:
        self._recogniser = Recogniser(DetectorModel())

    def errors(self, sound: Samples, near: Sequence[tuple[int, int]], words: Sequence[str]) -> int:
        """Return the wrong, missing and added words of all the sentences in `sound`."""
        total = 0
        for (start, end), said in zip(near, words, strict=True):
            turn = sound[max(0, start - _BEFORE_SAMPLES) : end + _BEFORE_SAMPLES]
            heard = soxr.resample(turn, SAMPLE_RATE_HZ, RATE_16K_HZ)
            total += _distance(_words(self._recogniser.transcribe(heard)), said.split())
        return total


def _words(text: str) -> list[str]:
    words = re.findall(r"[a-z']+|\d+", text.lower().replace("metres", "meters"))
    return [cardinal(int(word)) if word.isdigit() else word for word in words]


def _distance(heard: Sequence[str], said: Sequence[str]) -> int:
    """Return the least number of words to change, leave out and add."""
    row = list(range(len(said) + 1))
    for number, word in enumerate(heard, 1):
        before, row[0] = row[0], number
        for at, other in enumerate(said, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (word != other))
    return row[-1]
