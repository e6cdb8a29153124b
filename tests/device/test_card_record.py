"""What is recorded of a conversation over a sound card, and how its two sides lie to each other."""

from functools import partial
from pathlib import Path

import numpy as np

from tests.process.test_pipeline_record import both_sides
from tests.support.answers import answer
from tests.support.jack_card import STEP, JackCard, Talk, decoded, talking, wait_until
from tests.support.measured import show_measured
from tests.support.sound import RATE_HZ, noise

CLICKS = 5
CARD_LATENCY_SAMPLES = 2 * RATE_HZ // 200
"""The server tells one period of latency for each side, which a wire within it does not take."""


def heard_more(talk: Talk, than_samples: int) -> bool:
    return talk.peer.heard_samples > than_samples


def test_a_click_through_a_loop_lies_where_the_card_says(card: JackCard, tmp_path: Path) -> None:
    click = np.zeros(RATE_HZ // 2, np.int16)
    click[[0, 5_000, -1]] = 1, 16_000, 1
    with talking(card, tmp_path, "--record", "talk", "--ears", "off") as talk:
        talk.peer.wire_loudspeaker_to_microphone()
        for number in range(CLICKS):
            name = f"answer_{number}"
            talk.service.call(answer(talk.session, name, click))
            talk.service.call(talk.session.end_answer(name, f"item_{name}"))
            until_samples = talk.peer.heard_samples + 2 * len(click)
            wait_until(partial(heard_more, talk, until_samples))
        talk.wait_ready()
    microphone, sounded = both_sides(tmp_path / "talk")
    played, heard = np.flatnonzero(sounded > 8_000), np.flatnonzero(microphone > 8_000)
    assert len(heard) == len(played) == CLICKS
    off = np.abs(heard - played + CARD_LATENCY_SAMPLES)
    show_measured(f"alignment: {np.sort(off) * 1_000 / RATE_HZ} ms off")
    # A busy machine stalls this card: then its times are wrong until the next silence.
    assert off.min() <= RATE_HZ // 1_000


def test_both_sides_are_what_passed_the_card(card: JackCard, tmp_path: Path) -> None:
    spoken = noise(6, 1, 2_000, seed=1) * np.int16(STEP)
    answered = noise(5, 1, 32_767, seed=2)
    with talking(card, tmp_path, "--record", "talk", "--ears", "on") as talk:
        talk.service.call(answer(talk.session, "answer", answered))
        talk.service.call(talk.session.end_answer("answer", "item_answer"))
        talk.say(spoken)
        talk.wait_ready()
        heard = talk.peer.heard()
    microphone, sounded = both_sides(tmp_path / "talk")
    assert np.array_equal(np.trim_zeros(sounded), np.trim_zeros(heard))
    assert np.array_equal(np.trim_zeros(decoded(microphone)), spoken)
