"""Through a real sound card interface, every sample passes exactly once and in order."""

from pathlib import Path

import numpy as np

from tests.support.answers import answer
from tests.support.jack_card import STEP, JackCard, decoded, talking
from tests.support.sound import noise


def test_both_ways_at_once(card: JackCard, tmp_path: Path) -> None:
    spoken = noise(4, 1, 2_000, seed=1) * np.int16(STEP)
    answered = noise(4, -32_768, 32_767, seed=2)
    answered[[0, -1]] = 1

    with talking(card, tmp_path) as talk:
        talk.service.call(answer(talk.session, "answer", answered))
        talk.service.call(talk.session.end_answer("answer", "item_answer"))
        talk.say(spoken)
        talk.wait_ready()
        heard = talk.peer.heard()
        arrived = decoded(talk.arrived())

    assert np.array_equal(np.trim_zeros(arrived), spoken)
    assert np.array_equal(np.trim_zeros(heard), answered)
