"""Signals that say of every sample which answer it belongs to, and which sample of it it is.

Answer *k* counts upwards from `LOWEST`; its sign is positive for even and negative for odd *k*.
Silence is 0 and nothing else is. A fade changes magnitudes, but never a sign.
"""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.pcm import PCM16, SAMPLE_BYTES, SAMPLE_RATE_HZ, Samples, ms_to_samples

LOWEST = 2_000
CYCLE = 20_000

UTTERANCE_MS = (20.0, 60.0)
"""Shortest and longest utterance of the microphone signal."""
PAUSE_PEAK = 500
SPEECH_PEAK = 20_000
SPEECH_LOWEST = 4_000

LEAD_MS = 300
"""Calm before the first utterance."""


def answer_sign(number: int) -> int:
    return 1 if number % 2 == 0 else -1


def answer_ramp(start: int, samples: int) -> npt.NDArray[np.int64]:
    """Magnitudes of an answer's samples from `start` on, shape ``(samples,)``."""
    return LOWEST + np.arange(start, start + samples) % CYCLE


def answer(number: int, start: int, samples: int) -> Samples:
    """Samples `start` to `start + samples` of answer `number`, shape ``(samples,)``."""
    return (answer_sign(number) * answer_ramp(start, samples)).astype(PCM16)


def microphone(utterances: int, cycle_ms: int, frame_ms: int, rng: np.random.Generator) -> Samples:
    """Faint noise, and one loud utterance of random length in each cycle.

    Each ends anywhere in the frame before a multiple of the cycle, so that the times at which a
    client delivers them differ by whole cycles, however random the ends are.
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
    """Indices of the first quiet sample after each utterance, and whether one is going on."""
    loud = np.abs(samples.astype(np.int32)) >= SPEECH_LOWEST
    before = np.concatenate(([was_loud], loud[:-1]))
    return np.flatnonzero(before & ~loud).tolist(), bool(loud[-1]) if loud.size else was_loud


def write_wav(path: Path, samples: Samples) -> None:
    """PCM16, mono, 24 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())


def read_wav(path: Path) -> Samples:
    """The samples of a file that `write_wav` or a virtual card wrote."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), PCM16)
