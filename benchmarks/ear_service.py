"""What the offline service's detector makes of the sound that goes up to it."""

import numpy as np
import soxr

from pipeline.ears.silero import WINDOW_SAMPLES, SileroStream, load_silero
from pipeline.emulator.turns.endpointing import EndpointingRules, SpeechStarted, TurnDetector
from pipeline.pcm import SAMPLE_RATE_HZ, Samples, ms_to_samples

_RATE_HZ = 16_000


def speech_started(sound: Samples) -> list[int]:
    """Return the samples of `sound` at which the service tells that speech has started."""
    stream, turns = SileroStream(load_silero()), TurnDetector(EndpointingRules())
    floats = (sound / np.float32(32_768)).astype(np.float32)
    heard = soxr.resample(floats, SAMPLE_RATE_HZ, _RATE_HZ).astype(np.float32)
    told = []
    for start in range(0, heard.size - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        event = turns.hear(stream.probability(heard[start : start + WINDOW_SAMPLES]))
        if isinstance(event, SpeechStarted):
            told.append(ms_to_samples(turns.position_ms))
    return told
