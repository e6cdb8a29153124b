"""Words spoken over an answer, as the offline service hears them in what is sent."""

from collections.abc import Sequence

import numpy as np

from benchmarks.ear_scenes import Scene, scene
from benchmarks.ear_sounds import Sound
from benchmarks.echo_paths import EchoPath
from pipeline.emulator.audio.input_formats import InputFormat
from pipeline.emulator.speech.detector import DetectorModel
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.emulator.turns.endpointing import EndpointingRules, SpeechStarted, SpeechStopped
from pipeline.emulator.turns.listener import Listener
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples, ms_to_samples

FIRST_S = 8.0
_PAUSE_S = 1.5
_LAST_SILENCE: Samples = np.zeros(ms_to_samples(1_000), np.int16)
"""Ends the last turn."""


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


class Service:
    """What the offline service makes of sound: its turns, and their words."""

    def __init__(self) -> None:
        self._detector = DetectorModel()
        self._recogniser = Recogniser(self._detector)

    def understand(self, sound: Samples) -> str:
        """Return the words of all turns that the service takes of `sound`."""
        listener = Listener(InputFormat(), EndpointingRules())
        texts: list[str] = []
        start_ms = 0
        sound = np.concatenate([sound, _LAST_SILENCE])
        for first in range(0, sound.size, BLOCK_SAMPLES):
            listener.append(sound[first : first + BLOCK_SAMPLES].tobytes())
            for event in listener.turn_events(self._detector):
                if isinstance(event, SpeechStarted):
                    start_ms = event.start_ms
                elif isinstance(event, SpeechStopped):
                    heard = listener.heard(start_ms, event.end_ms)
                    texts.append(self._recogniser.transcribe(heard))
        return " ".join(texts)
