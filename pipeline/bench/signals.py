"""Signals in which every sample tells which answer it belongs to, and its place in the answer.

Answer *k* counts upwards from `LOWEST`; it is positive for even and negative for odd *k*. Only
silence is 0. A fade changes magnitudes, but never a sign.
"""

import numpy as np
import numpy.typing as npt

from pipeline.pcm import PCM16, Samples, ms_to_samples

LOWEST = 2_000
CYCLE = 20_000

UTTERANCE_MS = (20.0, 60.0)
"""Shortest and longest utterance of the microphone signal."""
PAUSE_PEAK = 500
SPEECH_PEAK = 20_000
SPEECH_LOWEST = 4_000

LEAD_MS = 300
"""Silence before the first utterance."""


def answer_sign(number: int) -> int:
    return 1 if number % 2 == 0 else -1


def answer_ramp(start: int, samples: int) -> npt.NDArray[np.int64]:
    """Return the magnitudes of an answer's samples from `start` on, shape ``(samples,)``."""
    return LOWEST + np.arange(start, start + samples) % CYCLE


def answer(number: int, start: int, samples: int) -> Samples:
    """Return samples `start` to `start + samples` of answer `number`, shape ``(samples,)``."""
    return (answer_sign(number) * answer_ramp(start, samples)).astype(PCM16)


def microphone(utterances: int, cycle_ms: int, frame_ms: int, rng: np.random.Generator) -> Samples:
    """Return faint noise with one loud utterance of random length in each cycle.

    An utterance ends at a random place in the frame before a multiple of the cycle: the ends are
    random, but clients deliver them whole cycles apart.
    """
    cycle_samples = ms_to_samples(cycle_ms)
    first_samples = ms_to_samples(LEAD_MS)
    total = first_samples + (utterances + 2) * cycle_samples
    signal = rng.integers(-PAUSE_PEAK, PAUSE_PEAK, total, PCM16, endpoint=True)
    for number in range(utterances):
        frame_end = first_samples + number * cycle_samples
        end = frame_end - int(rng.integers(1, ms_to_samples(frame_ms)))
        start = end - ms_to_samples(rng.uniform(*UTTERANCE_MS))
        loud = rng.integers(SPEECH_LOWEST, SPEECH_PEAK, end - start, PCM16)
        signal[start:end] = loud * rng.choice(np.array([-1, 1], PCM16), end - start)
    return signal


def utterance_ends(samples: Samples, *, was_loud: bool) -> tuple[list[int], bool]:
    """Return the first quiet sample after each utterance, and whether speech goes on at the end."""
    loud = np.abs(samples.astype(np.int32)) >= SPEECH_LOWEST
    before = np.concatenate(([was_loud], loud[:-1]))
    return np.flatnonzero(before & ~loud).tolist(), bool(loud[-1]) if loud.size else was_loud
