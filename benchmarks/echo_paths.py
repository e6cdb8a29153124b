"""Echo paths for `benchmarks.ears`: from a loudspeaker, through a room, to a microphone."""

from collections.abc import Callable

import numpy as np
import soxr

from benchmarks.ear_sounds import Sound, at_level
from pipeline.pcm import SAMPLE_RATE_HZ, ms_to_samples

EchoPath = Callable[[Sound], Sound]


def room(played: Sound) -> Sound:
    """A loudspeaker half a metre away; reverberation of 0.35 s."""
    return _convolved(played, _response(1.5, 0.35, 0.04, seed=1))


def laptop(played: Sound) -> Sound:
    """A small loudspeaker, driven too hard and without bass, beside the microphone."""
    limited = np.tanh(at_level(played, -12.0) * 1.5).astype(np.float32)
    return _convolved(_without_bass(limited), _response(0.4, 0.25, 0.03, seed=2))


def far(played: Sound) -> Sound:
    """A loudspeaker across the room: more reverberation than direct sound."""
    return _convolved(played, _response(8.0, 0.4, 0.05, seed=3, direct=0.5))


PATHS: dict[str, EchoPath] = {"room": room, "laptop": laptop, "far": far}


def stretched(sound: Sound, ppm: float) -> Sound:
    """Return `sound` as a clock sees it that is faster by `ppm`."""
    if not ppm:
        return sound
    resampled: Sound = soxr.resample(sound, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * (1 + ppm * 1e-6))
    return resampled.astype(np.float32)


def _response(
    delay_ms: float, reverberation_s: float, tail: float, *, seed: int, direct: float = 1.0
) -> Sound:
    random = np.random.default_rng(seed)
    length = round(SAMPLE_RATE_HZ * reverberation_s)
    decay = 10 ** (-3 * np.arange(length) / length)
    response = random.standard_normal(length) * decay * tail
    response[0] = direct
    delay = np.zeros(ms_to_samples(delay_ms))
    return np.concatenate([delay, response]).astype(np.float32)


def _without_bass(sound: Sound) -> Sound:
    """Apply a second-order high pass at 250 Hz, in the frequency domain."""
    size = 1 << (sound.size + SAMPLE_RATE_HZ - 1).bit_length()
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ) / 250
    gain = frequency**2 / np.sqrt(1 + frequency**4)
    filtered = np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[: sound.size]
    return np.asarray(filtered, np.float32)


def _convolved(sound: Sound, response: Sound) -> Sound:
    size = 1 << (sound.size + response.size).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: sound.size], np.float32)
