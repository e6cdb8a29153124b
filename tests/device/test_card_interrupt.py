"""Interruptions, heard at the sound card sample by sample."""

import asyncio
from pathlib import Path

import numpy as np

from tests.support.answers import answer, check_cut, end_cancelled
from tests.support.figures import tell
from tests.support.jack_card import JackCard, Talk, talking, wait_until
from tests.support.scripted_service import ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise

INTERRUPTIONS = 8
SAMPLES_PER_MS = RATE_HZ // 1_000


def test_an_answer_falls_silent_and_late_deltas_are_never_heard(
    card: JackCard, tmp_path: Path
) -> None:
    last = noise(1, 10_001, 20_000, seed=100)
    with talking(card, tmp_path) as talk:
        cuts_ms = [interrupt(talk, f"answer_{number}", number) for number in range(INTERRUPTIONS)]
        start = talk.peer.heard_samples
        talk.service.call(answer(talk.session, "last", last))
        talk.service.call(talk.session.end_answer("last", "item_last"))
        talk.wait_ready()
        assert np.array_equal(np.trim_zeros(talk.peer.heard()[start:]), last)
        assert talk.session.count("conversation.item.truncate") == INTERRUPTIONS
        assert not talk.session.count("response.cancel")
    tell(f"last stale sample after speech_started: {', '.join(f'{ms:.1f}' for ms in cuts_ms)} ms")


def interrupt(talk: Talk, name: str, seed: int) -> float:
    """One answer, cut while it sounds; returns the milliseconds until it was silent."""
    session, peer = talk.session, talk.peer
    sound = noise(4, 10_001, 20_000, seed)
    start = peer.heard_samples
    talk.service.call(answer(session, name, sound))
    wait_until(lambda: np.count_nonzero(peer.heard()[start:]) > RATE_HZ // 5)
    struck_at_ns = talk.service.call(session.speech_started())
    talk.service.call(late_deltas(session, name, sound))

    sounding = start + np.flatnonzero(peer.heard()[start:])
    heard_samples = check_cut(peer.heard()[sounding], sound)
    assert sounding[-1] - sounding[0] + 1 == len(sounding), "nothing sounds after the cut"
    assert truncated_ms(session, name) == heard_samples // SAMPLES_PER_MS
    last = int(sounding[-1])
    return (peer.time_ns(last) - struck_at_ns) / 1e6


async def late_deltas(session: ScriptedSession, name: str, sound: Samples) -> None:
    for wait_s in (0, 0.1, 0.2):
        await asyncio.sleep(wait_s)
        await session.say(name, f"item_{name}", sound[:RATE_HZ].tobytes())
    await end_cancelled(session, name)
    await session.speech_stopped()


def truncated_ms(session: ScriptedSession, name: str) -> int:
    (event,) = (
        event
        for event in session.received
        if event["type"] == "conversation.item.truncate" and event["item_id"] == f"item_{name}"
    )
    end_ms: int = event["audio_end_ms"]
    return end_ms
