"""Turns and answers as the service sends them, and what may be heard of an interrupted answer."""

import numpy as np

from pipeline.bench.scripted_service import DELTA_BYTES, ScriptedSession, answer, end_cancelled
from tests.support.sound import RATE_HZ, Samples, noise

__all__ = [
    "DELTA_BYTES",
    "LONGEST_FADE_SAMPLES",
    "answer",
    "check_cut",
    "end_cancelled",
    "negative",
    "positive",
    "user_turn",
]

LONGEST_FADE_SAMPLES = RATE_HZ * 5 // 1_000


def positive(seconds: float, seed: int) -> Samples:
    return noise(seconds, 10_001, 20_000, seed)


def negative(seconds: float, seed: int) -> Samples:
    return noise(seconds, -20_000, -10_001, seed)


async def user_turn(session: ScriptedSession, item: str, words: str) -> int:
    """Say that all that was heard so far is a turn of these words; return its end, in ms."""
    await session.speech_started(item, 0)
    end_ms = await session.speech_stopped(item)
    await session.send(
        "conversation.item.input_audio_transcription.completed",
        item_id=item,
        content_index=0,
        transcript=words,
    )
    return end_ms


def check_cut(heard: Samples, answered: Samples) -> int:
    """Check that `heard` is the beginning of `answered` and a short fade; return samples heard.

    The last sample of the fade is 0: one more sample was heard than sounds.
    """
    expected = answered[: len(heard)]
    differing = np.flatnonzero(heard != expected)
    assert differing.size, "the answer was not cut"
    fade_start = int(differing[0])
    fade_samples = len(heard) - fade_start
    assert fade_samples <= LONGEST_FADE_SAMPLES
    gain = heard[fade_start:] / expected[fade_start:]
    assert gain.min() > 0
    assert gain.max() < 1
    assert np.diff(gain).max() < 1e-3, "the fade must not rise"
    return len(heard) + 1
