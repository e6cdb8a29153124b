"""A program that is killed while the card waits for it: the card is free for the next one."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.answers import answer, positive
from tests.support.jack_card import JackCard, JackPeer, Talk, talking, wait_until
from tests.support.program import SHARED_MEMORY

ANSWER = positive(1, seed=1)
STILL_S = 0.1


class FailureError(Exception):
    """Stands for any failure of a test."""


def test_the_program_is_killed_by_a_test_that_fails(tmp_path: Path) -> None:
    with JackCard() as card:
        for _ in range(2):
            with pytest.raises(FailureError):
                fail_in_mid_period(card, tmp_path)
        with talking(card, tmp_path) as talk:
            check_sounds(talk)
    assert not list(SHARED_MEMORY.glob(f"*{card.server}*"))


def fail_in_mid_period(card: JackCard, folder: Path) -> None:
    with talking(card, folder) as talk:
        for child in talk.program.children():
            child.suspend()
        wait_until(lambda: stands_still(talk.peer))
        raise FailureError


def stands_still(peer: JackPeer) -> bool:
    samples = peer.heard_samples
    time.sleep(STILL_S)
    return peer.heard_samples == samples


def check_sounds(talk: Talk) -> None:
    talk.service.call(answer(talk.session, "answer", ANSWER))
    talk.service.call(talk.session.end_answer("answer", "item_answer"))
    talk.wait_ready()
    assert np.array_equal(np.trim_zeros(talk.peer.heard()), ANSWER)
