"""How soon an answer over an open loudspeaker is silent when a person speaks, on a JACK card.

    phrase ──▶ microphone ──▶ the program ──▶ loudspeaker ─┬─▶ recorded, sample by sample
                   ▲                                       │
                   └────────────── room, -12 dB ◀──────────┘

A scripted service hears the phrase 200 ms after it began and a network round trip later, as far as
the program is concerned. `hold` and `service` run side by side; times run from the first sample of
the phrase to the last of the answer, so the card's own buffers are included.

    python -m benchmarks.ears_card
    python -m benchmarks.ears_card --turns 20
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.pcm import NS_PER_MS
from tests.support.answers import answer, end_cancelled
from tests.support.jack_card import JackCard, Talk, talking, wait_until
from tests.support.open_loudspeaker import own_voice, person, room
from tests.support.sound import RATE_HZ, Samples

ECHO_DB = -12.0
NOTICED_AFTER_S = 0.2
"""Speech that the service needs."""
ROUND_TRIPS_MS = (20, 200)
SETTLING_S = 6
SPEAKS_AFTER_S = 1.5
TIMES = "onset to silence ms: p50    p95    max"


def run(card: JackCard, mode: str, round_trip_ms: int, turns: int) -> str:
    """Hold one conversation; returns a row."""
    with (
        tempfile.TemporaryDirectory() as folder,
        talking(card, Path(folder), "--echo", "local", "--barge-in", mode) as talk,
    ):
        talk.peer.open_loudspeaker(room(ECHO_DB))
        settled = _undisturbed(talk, own_voice(SETTLING_S))
        latencies = [_interrupt(talk, number, round_trip_ms) for number in range(turns)]
    found = [latency for latency in latencies if latency > 0]
    p50, p95, longest = np.percentile(found, [50, 95, 100])
    early = turns - len(found) + (not settled)
    return f"{mode:<8}{round_trip_ms:>11}{p50:>27.0f}{p95:>7.0f}{longest:>7.0f}{early:>20}"


def _undisturbed(talk: Talk, sound: Samples) -> bool:
    """Play an answer without a person; whether it sounded as it is."""
    start = talk.peer.heard_samples
    talk.service.call(answer(talk.session, "first", sound))
    talk.service.call(talk.session.end_answer("first", "item_first"))
    talk.wait_ready()
    return _departure(talk, start, sound) is None


def _interrupt(talk: Talk, number: int, round_trip_ms: int) -> float:
    """Speak over an answer; milliseconds until it is silent, 0 if it was silent before."""
    session, peer, sound = talk.session, talk.peer, own_voice(8)
    name = f"answer_{number}"
    start = peer.heard_samples
    talk.service.call(answer(session, name, sound))
    wait_until(lambda: peer.heard_samples - start > SPEAKS_AFTER_S * RATE_HZ)
    peer.say(person(number))
    wait_until(lambda: peer.said_at_ns)
    talk.service.call(asyncio.sleep(NOTICED_AFTER_S + round_trip_ms / 1_000))
    talk.service.call(session.speech_started())
    wait_until(lambda: session.count("conversation.item.truncate") > number)
    talk.service.call(end_cancelled(session, name))
    wait_until(lambda: peer.said_all)
    time.sleep(0.4)  # the room is silent again
    talk.service.call(session.speech_stopped())
    departure = _departure(talk, start, sound)
    assert departure is not None
    first = start + int(np.argmax(peer.heard(start) != 0))
    silent_at_ns = peer.time_ns(first + departure)
    return max(0.0, (silent_at_ns - peer.said_at_ns) / NS_PER_MS)


def _departure(talk: Talk, start: int, sound: Samples) -> int | None:
    """Return the sample at which a fade of `sound` begins; None if all of it sounded."""
    heard = np.trim_zeros(talk.peer.heard(start), "f")
    expected = np.trim_zeros(sound, "f")[: len(heard)]
    different = np.flatnonzero(heard[: len(expected)] != expected)
    return int(different[0]) if different.size else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=10, help="phrases in each row")
    turns = parser.parse_args().turns
    print(f"mode    round trip ms   {TIMES}   silent by itself")
    with JackCard() as card:
        for round_trip_ms in ROUND_TRIPS_MS:
            for mode in ("service", "hold"):
                print(run(card, mode, round_trip_ms, turns), flush=True)


if __name__ == "__main__":
    main()
