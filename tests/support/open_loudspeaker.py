"""A loudspeaker that the microphone hears, and voices at known levels."""

import numpy as np
import numpy.typing as npt

from benchmarks import ear_sounds
from tests.support.sound import RATE_HZ, Samples

Response = npt.NDArray[np.float32]

NEAR_DB = -26.0
ANSWER_DB = -23.0
_DELAY_S = 0.0115
"""1.5 ms of air, and 10 ms that a card's own buffers take and `JackPeer` does not."""
_LENGTH_S = 0.1


def own_voice(seconds: float) -> Samples:
    """Return the program's own voice at the level of an answer."""
    return _pcm(ear_sounds.at_level(ear_sounds.own_voice(), ANSWER_DB)[: round(seconds * RATE_HZ)])


def person(number: int = 0) -> Samples:
    """Return a phrase of a real speaker, or of the program's own voice where there is none."""
    phrases = ear_sounds.near_phrases()
    return _pcm(phrases[number % len(phrases)])


def room(echo_db: float) -> Response:
    """Return the impulse response of a room in which an answer's echo has this level.

    :param echo_db: relative to a person's voice.
    """
    random = np.random.default_rng(1)
    length = round(_LENGTH_S * RATE_HZ)
    tail = random.standard_normal(length) * 10 ** (-3 * np.arange(length) / length) * 0.04
    tail[0] = 1.0
    response = np.concatenate([np.zeros(round(_DELAY_S * RATE_HZ)), tail])
    gain_db = NEAR_DB + echo_db - ANSWER_DB
    return np.asarray(response / np.linalg.norm(response) * 10 ** (gain_db / 20), np.float32)


def _pcm(sound: npt.NDArray[np.float32]) -> Samples:
    pcm: Samples = np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype(np.int16)
    return pcm
