"""Echo paths for `benchmarks.ears`: from a loudspeaker, through a room, to a microphone."""

from collections.abc import Callable

import numpy as np
import soxr

from benchmarks.ear_sounds import Sound, at_level
from pipeline.bench.ears.rooms import impulse_response, without_bass
from pipeline.pcm import SAMPLE_RATE_HZ

EchoPath = Callable[[Sound], Sound]


def room(played: Sound) -> Sound:
    """A loudspeaker half a metre away; reverberation of 0.35 s."""
    return _convolved(played, impulse_response(1.5, 0.35, 0.04, seed=1))


def laptop(played: Sound) -> Sound:
    """A small loudspeaker, driven too hard and without bass, beside the microphone."""
    limited = np.tanh(at_level(played, -12.0) * 1.5).astype(np.float32)
    return _convolved(without_bass(limited), impulse_response(0.4, 0.25, 0.03, seed=2))


def far(played: Sound) -> Sound:
    """A loudspeaker across the room: more reverberation than direct sound."""
    return _convolved(played, impulse_response(8.0, 0.4, 0.05, seed=3, direct=0.5))


PATHS: dict[str, EchoPath] = {"room": room, "laptop": laptop, "far": far}


def stretched(sound: Sound, ppm: float) -> Sound:
    """Return `sound` as a clock sees it that is faster by `ppm`."""
    if not ppm:
        return sound
    resampled: Sound = soxr.resample(sound, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * (1 + ppm * 1e-6))
    return resampled.astype(np.float32)


def _convolved(sound: Sound, response: Sound) -> Sound:
    size = 1 << (sound.size + response.size).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: sound.size], np.float32)
