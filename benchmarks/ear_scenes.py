"""Scenes for `benchmarks.ears`: what the microphone hears while an answer sounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.ear_sounds import Sound, at_level
from benchmarks.echo_paths import EchoPath, stretched
from pipeline.ears.aligner import FOLLOWED_BLOCKS, NEAR_SAMPLES
from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples, ms_to_samples

NEAR_DB = -26.0
MARGIN_SAMPLES = ms_to_samples(30)
"""The reference is given so long before its echo leaves the loudspeaker."""
_SENSOR_NOISE = 1e-4
_EVERY_S = 4.0
_FIRST_S = 8.0


@dataclass(frozen=True)
class Scene:
    """One recording, and what is known about it."""

    microphone: Samples
    reference: Samples
    near: list[tuple[int, int]]
    """First and last sample of each near sound."""

    def blocks(self) -> Iterator[tuple[Samples, Samples]]:
        for start in range(0, self.microphone.size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
            block = slice(start, start + BLOCK_SAMPLES)
            yield self.microphone[block], self.reference[block]


def scene(
    played: Sound,
    path: EchoPath,
    echo_db: float | None,
    *,
    near: Sequence[Sound] = (),
    noise: Sound | None = None,
    drift_ppm: float = 0.0,
    seed: int = 0,
) -> Scene:
    """Mix a microphone signal.

    :param echo_db: level of the echo relative to near speech; None for no echo at all
    :param near: sounds that follow each other every 4 s
    :param noise: repeated throughout, 20 dB below near speech
    """
    random = np.random.default_rng(seed)
    heard = random.standard_normal(played.size).astype(np.float32) * np.float32(_SENSOR_NOISE)
    if echo_db is not None:
        echo = stretched(at_level(path(played), NEAR_DB + echo_db), drift_ppm)
        count = min(echo.size, played.size - MARGIN_SAMPLES)
        heard[MARGIN_SAMPLES : MARGIN_SAMPLES + count] += echo[:count]
    if noise is not None:
        heard += np.resize(at_level(noise, NEAR_DB - 20), heard.size)
    intervals = []
    for number, sound in enumerate(near):
        start = round((_FIRST_S + number * _EVERY_S + random.uniform(0, 1)) * SAMPLE_RATE_HZ)
        length = min(sound.size, round(2.2 * SAMPLE_RATE_HZ))
        if start + length > heard.size:
            break
        heard[start : start + length] += sound[:length]
        intervals.append((start, start + length))
    return Scene(_pcm16(heard), _pcm16(_followed(played, drift_ppm)), intervals)


def jumping(still: Scene, jumps: int, seed: int = 0) -> tuple[Scene, list[int]]:
    """Let the echo of `still` move by 1 to 15 ms again and again, as if a card lost samples.

    :returns: the scene, and the sample of each jump.
    """
    random = np.random.default_rng(seed)
    starts = [round((_FIRST_S + number * _EVERY_S) * SAMPLE_RATE_HZ) for number in range(jumps)]
    pieces = [still.microphone[: starts[0]]]
    for start in starts:
        moved = start + random.choice([-1, 1]) * ms_to_samples(random.uniform(1, 15))
        pieces.append(still.microphone[moved : moved + round(_EVERY_S * SAMPLE_RATE_HZ)])
    microphone = np.concatenate(pieces)
    return Scene(microphone, still.reference[: microphone.size], []), starts


def far_end(voices: Sequence[Sound], seconds: float) -> Sound:
    """Return voices that follow each other, with short pauses."""
    parts: list[Sound] = []
    total, number = 0, 0
    pause = np.zeros(ms_to_samples(250), np.float32)
    while total < seconds * SAMPLE_RATE_HZ:
        voice = voices[number % len(voices)][: 20 * SAMPLE_RATE_HZ]
        parts += [voice, pause]
        total += voice.size + pause.size
        number += 1
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE_HZ)]


def _followed(played: Sound, drift_ppm: float) -> Sound:
    """Let the reference follow the drift sample by sample, as the aligner does."""
    if not drift_ppm:
        return played
    reference = np.zeros_like(played)
    shift = steps = 0
    for number, start in enumerate(range(0, played.size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)):
        off = -start * drift_ppm * 1e-6 - shift
        if abs(off) > NEAR_SAMPLES and number - steps >= FOLLOWED_BLOCKS:
            shift += 1 if off > 0 else -1
            steps = number
        source = start + shift
        if 0 <= source <= played.size - BLOCK_SAMPLES:
            reference[start : start + BLOCK_SAMPLES] = played[source : source + BLOCK_SAMPLES]
    return reference


def _pcm16(sound: Sound) -> Samples:
    pcm16: Samples = np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype(np.int16)
    return pcm16
