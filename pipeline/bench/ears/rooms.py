"""Rooms, from a loudspeaker to a microphone."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.bench.ears.sounds import NEAR_DB, active_level_db
from pipeline.pcm import SAMPLE_RATE_HZ, Sound, ms_to_samples

CARD_MS = 10.0
"""What a real card's own buffers take, and the virtual one's do not."""
SENSOR_NOISE = 1e-4
"""Of the microphone: -80 dBFS."""
_BASS_HZ = 250.0


@dataclass(frozen=True)
class EchoPath:
    """What becomes of a loudspeaker's sound at the microphone."""

    response: Sound
    drive: float = 0.0
    """How hard the loudspeaker is driven: it plays tanh(drive · x); 0: x."""

    def echo(self, played: Sound) -> Sound:
        """Return what the microphone hears of `played`."""
        driven = np.tanh(played * np.float32(self.drive)) if self.drive else played
        size = 1 << (played.size + self.response.size).bit_length()
        spectrum = np.fft.rfft(driven, size) * np.fft.rfft(self.response, size)
        return np.asarray(np.fft.irfft(spectrum, size)[: played.size], np.float32)

    def at_level(self, played: Sound, echo_db: float) -> "EchoPath":
        """Return this path with an echo of `played` at this level, relative to a person's voice."""
        gain_db = NEAR_DB + echo_db - active_level_db(self.echo(played))
        return replace(self, response=self.response * np.float32(10 ** (gain_db / 20)))


def impulse_response(
    delay_ms: float, reverberation_s: float, tail: float, *, seed: int, direct: float = 1.0
) -> Sound:
    """Return the response of a room: direct sound, then noise that dies away."""
    random = np.random.default_rng(seed)
    length = round(SAMPLE_RATE_HZ * reverberation_s)
    decay = 10 ** (-3 * np.arange(length) / length)
    response = random.standard_normal(length) * decay * tail
    response[0] = direct
    delay = np.zeros(ms_to_samples(delay_ms))
    return np.concatenate([delay, response]).astype(np.float32)


def without_bass(sound: Sound) -> Sound:
    """Apply a second-order high pass at 250 Hz, in the frequency domain."""
    size = 1 << (sound.size + SAMPLE_RATE_HZ - 1).bit_length()
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ) / _BASS_HZ
    gain = frequency**2 / np.sqrt(1 + frequency**4)
    filtered = np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[: sound.size]
    return np.asarray(filtered, np.float32)


def room() -> EchoPath:
    """A loudspeaker half a metre away; reverberation of 0.35 s."""
    return EchoPath(impulse_response(CARD_MS + 1.5, 0.35, 0.04, seed=1))


def laptop() -> EchoPath:
    """A small loudspeaker, driven too hard and without bass, beside the microphone."""
    response = impulse_response(CARD_MS + 0.4, 0.25, 0.03, seed=2)
    return EchoPath(without_bass(response), drive=5.0)


def far() -> EchoPath:
    """A loudspeaker across the room: more reverberation than direct sound."""
    return EchoPath(impulse_response(CARD_MS + 8.0, 0.4, 0.05, seed=3, direct=0.5))


ROOMS = {"room": room, "laptop": laptop, "far": far}
