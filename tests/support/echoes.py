"""Made-up voices and rooms for tests of the ears: seeded, without real speech."""

import numpy as np
import numpy.typing as npt

from pipeline.pcm import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Samples, ms_to_samples

MARGIN_MS = 30

Sound = npt.NDArray[np.float32]


def babble(seconds: float, seed: int, peak: float = 0.25) -> Sound:
    """Return noise in syllables of 200 ms, with the spectrum of a voice."""
    random = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE_HZ)
    noise = np.convolve(random.standard_normal(count), np.ones(6) / 6, "same")
    syllables = np.repeat(random.uniform(0.05, 1, count // 4_800 + 1), 4_800)[:count]
    shaped = noise * syllables
    return np.asarray(shaped / np.abs(shaped).max() * peak, np.float32)


def echo(played: Sound, gain: float, seed: int = 0) -> Sound:
    """Return what a microphone hears of `played`, a margin and a room later."""
    random = np.random.default_rng(seed)
    length = ms_to_samples(80)
    response = random.standard_normal(length) * np.exp(-np.arange(length) / 400) * 0.1
    response[0] = 1
    response = np.concatenate([np.zeros(ms_to_samples(MARGIN_MS + 2)), response])
    size = 1 << (played.size + response.size).bit_length()
    spectrum = np.fft.rfft(played, size) * np.fft.rfft(response, size)
    heard = gain * np.fft.irfft(spectrum, size)[: played.size]
    return np.asarray(heard + random.standard_normal(played.size) * 1e-4, np.float32)


def pcm16(sound: Sound) -> Samples:
    samples: Samples = np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype(np.int16)
    return samples


def blocks(*signals: Samples) -> list[tuple[Samples, ...]]:
    """Cut signals of one length into simultaneous blocks of 10 ms."""
    starts = range(0, signals[0].size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)
    return [tuple(signal[at : at + BLOCK_SAMPLES] for signal in signals) for at in starts]
