"""Turns and answers as the service sends them, and what may be heard of an interrupted answer."""

import asyncio

import numpy as np

from tests.support.scripted_service import ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise

DELTA_BYTES = 14_400  # 300 ms
SPEED = 16
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


async def answer(
    session: ScriptedSession, name: str, sound: Samples, *, created: bool = False
) -> None:
    """Send response `name` with one item at the speed of the real service, without its end."""
    if not created:
        await session.start_answer(name)
    pcm = sound.tobytes()
    for start in range(0, len(pcm), DELTA_BYTES):
        delta = pcm[start : start + DELTA_BYTES]
        await session.say(name, f"item_{name}", delta)
        await asyncio.sleep(len(delta) / 2 / RATE_HZ / SPEED)


async def end_cancelled(session: ScriptedSession, name: str) -> None:
    await session.end_answer(name, f"item_{name}", "cancelled", reason="turn_detected")


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
