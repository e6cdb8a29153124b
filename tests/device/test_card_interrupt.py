"""Interruptions, heard at the sound card sample by sample."""

import asyncio
import time
from pathlib import Path

import numpy as np

from pipeline.bench.distribution import Distribution
from pipeline.bench.measure import measure
from pipeline.bench.metrics import CUT, MICROPHONE, SPEAK
from pipeline.bench.scenarios import QUIET
from pipeline.bench.stalls import StallWatchers
from pipeline.bench.three_processes import three_processes
from pipeline.pcm import NS_PER_MS, SAMPLE_BYTES, samples_to_ns
from tests.support.answers import answer, check_cut, end_cancelled
from tests.support.jack_card import JackCard, Talk, talking, wait_until
from tests.support.measured import show_measured
from tests.support.scripted_service import ScriptedSession
from tests.support.sound import RATE_HZ, Samples, noise

INTERRUPTIONS = 12
CLOSE_MS = 5.0
"""How far the figures of `bench`, on its virtual card, may lie from those of a sound server."""
PERIOD_SAMPLES = RATE_HZ // 200
CLICK = np.full(240, 20_000, np.int16)
CLICKS = 12
SAMPLES_PER_MS = RATE_HZ // 1_000


def test_late_deltas_are_never_heard_and_the_figures_of_bench_are_those_of_a_sound_server(
    card: JackCard, tmp_path: Path
) -> None:
    """Medians, which a machine that is busy for a while does not move far."""
    with talking(card, tmp_path) as talk:
        turns = [interrupt(talk, f"answer_{number}", number) for number in range(INTERRUPTIONS)]
        sounds_whole(talk, noise(1, 10_001, 20_000, seed=100))
        assert talk.session.count("conversation.item.truncate") == INTERRUPTIONS
        assert not talk.session.count("response.cancel")
        heard = {
            CUT: [cut_ms for cut_ms, _ in turns],
            SPEAK: [speak_ms for _, speak_ms in turns],
            MICROPHONE: [click(talk) for _ in range(CLICKS)],
        }
    design = three_processes(period_ms=5.0)
    with StallWatchers() as watchers:
        benched = measure(
            design,
            QUIET,
            INTERRUPTIONS,
            seed=1,
            watchers=watchers,
            on_turn=lambda: None,
        )
    for figure, values in heard.items():
        here, there = Distribution.of(values), Distribution.of(figure.values(benched))
        assert here is not None
        assert there is not None
        show_measured(f"{figure.label}: JACK {shown(here)}; bench {shown(there)}")
        assert abs(here.p50 - there.p50) <= CLOSE_MS, figure.label


def sounds_whole(talk: Talk, sound: Samples) -> None:
    """Let the service answer once more; nothing but that is heard."""
    start = talk.peer.heard_samples
    talk.service.call(answer(talk.session, "last", sound))
    talk.service.call(talk.session.end_answer("last", "item_last"))
    talk.wait_ready()
    assert np.array_equal(np.trim_zeros(talk.peer.heard(start)), sound)


def shown(found: Distribution) -> str:
    return f"p50 {found.p50:.1f}, p99 {found.p99:.1f}, max {found.max:.1f} ms"


def click(talk: Talk) -> float:
    """Milliseconds from the last sample of a microphone frame with a click until it arrives."""
    session = talk.session
    before = len(session.arrivals)
    talk.say(CLICK)
    heard = talk.arrived()
    _, bytes_before = session.arrivals[before - 1]
    start = bytes_before // SAMPLE_BYTES
    first = start + int(np.argmax(np.abs(heard[start:]) > CLICK[0] // 2))
    arrived_at_ns, bytes_then = next(
        (at_ns, size) for at_ns, size in session.arrivals if size // SAMPLE_BYTES > first
    )
    # A card hands over a period when it is full: its first sample was captured a period earlier.
    captured_at_ns = talk.peer.said_at_ns - samples_to_ns(PERIOD_SAMPLES)
    frame_end_ns = captured_at_ns + samples_to_ns(bytes_then // SAMPLE_BYTES - first)
    return (arrived_at_ns - frame_end_ns) / NS_PER_MS


def interrupt(talk: Talk, name: str, seed: int) -> tuple[float, float]:
    """One answer, cut while it sounds; milliseconds until it was silent, and until it sounded."""
    session, peer = talk.session, talk.peer
    sound = noise(4, 10_001, 20_000, seed)
    start = peer.heard_samples
    spoke_at_ns = time.monotonic_ns()
    talk.service.call(answer(session, name, sound))
    wait_until(lambda: np.count_nonzero(peer.heard()[start:]) > RATE_HZ // 5)
    struck_at_ns = talk.service.call(session.speech_started())
    talk.service.call(late_deltas(session, name, sound))

    sounding = start + np.flatnonzero(peer.heard()[start:])
    heard_samples = check_cut(peer.heard()[sounding], sound)
    assert sounding[-1] - sounding[0] + 1 == len(sounding), "nothing sounds after the cut"
    assert truncated_ms(session, name) == heard_samples // SAMPLES_PER_MS
    cut_ns = peer.time_ns(int(sounding[-1])) - struck_at_ns
    return cut_ns / NS_PER_MS, (peer.time_ns(int(sounding[0])) - spoke_at_ns) / NS_PER_MS


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
