"""What is recorded of a conversation over a sound card, and how its two sides lie to each other."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np

from tests.process.test_pipeline_record import both_sides, records
from tests.support.answers import answer, end_cancelled
from tests.support.busy import busy_machine
from tests.support.jack_card import STEP, JackCard, Talk, decoded, talking, wait_until
from tests.support.measured import show_measured
from tests.support.sound import RATE_HZ, Samples, noise

CALM_CLICKS = 3
BUSY_CLICKS = 5
INTERRUPTIONS = 5
CARD_LATENCY_SAMPLES = 2 * RATE_HZ // 200
"""The server tells one period of latency for each side, which a wire within it does not take."""


def hear_more(talk: Talk, samples: int) -> None:
    until = talk.peer.heard_samples + samples
    wait_until(lambda: talk.peer.heard_samples > until)


def play(talk: Talk, name: str, sound: Samples) -> None:
    talk.service.call(answer(talk.session, name, sound))
    talk.service.call(talk.session.end_answer(name, f"item_{name}"))


def test_clicks_through_a_loop_lie_where_the_card_says(card: JackCard, tmp_path: Path) -> None:
    click = np.zeros(RATE_HZ // 2, np.int16)
    click[[0, 5_000, -1]] = 1, 16_000, 1
    with talking(card, tmp_path, "--record", "talk", "--ears", "off") as talk:
        talk.peer.wire_loudspeaker_to_microphone()
        for number in range(CALM_CLICKS + BUSY_CLICKS):
            with nullcontext() if number < CALM_CLICKS else busy_machine():
                play(talk, f"answer_{number}", click)
                hear_more(talk, 2 * len(click))
        talk.wait_ready()
    microphone, sounded = both_sides(tmp_path / "talk")
    played, heard = np.flatnonzero(sounded > 8_000), np.flatnonzero(microphone > 8_000)
    assert len(heard) == len(played) == CALM_CLICKS + BUSY_CLICKS
    off = np.abs(heard - played + CARD_LATENCY_SAMPLES)
    show_measured(f"alignment: {np.round(off * 1_000 / RATE_HZ, 2)} ms off")
    # One callback may come late and tell a late time.
    assert np.sort(off)[-2] <= RATE_HZ // 1_000
    assert off.max() <= RATE_HZ // 10


def test_both_sides_are_what_passed_the_card_over_interruptions(
    card: JackCard, tmp_path: Path
) -> None:
    spoken = noise(3, 1, 2_000, seed=1) * np.int16(STEP)
    answered = noise(3, 1, 32_767, seed=2)
    with talking(card, tmp_path, "--record", "talk", "--ears", "on") as talk:
        # Opening a card stalls this one: its times of that moment tell nothing of the other's.
        hear_more(talk, RATE_HZ)
        for number in range(INTERRUPTIONS):
            talk.service.call(answer(talk.session, f"cut_{number}", answered))
            hear_more(talk, RATE_HZ // 2)
            talk.service.call(talk.session.speech_started(f"turn_{number}"))
            talk.service.call(talk.session.speech_stopped(f"turn_{number}"))
            talk.service.call(end_cancelled(talk.session, f"cut_{number}"))
        play(talk, "answer", answered)
        talk.say(spoken)
        talk.wait_ready()
        heard = talk.peer.heard()
    microphone, sounded = both_sides(tmp_path / "talk")
    assert len(records(tmp_path / "talk", "cut")) == INTERRUPTIONS
    assert np.array_equal(np.trim_zeros(sounded), np.trim_zeros(heard))
    assert np.array_equal(np.trim_zeros(decoded(microphone)), spoken)
