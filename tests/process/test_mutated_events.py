"""The benchmark of wrong events, with fewer of them: nothing breaks, valid turns are answered."""

import asyncio

import pytest

from benchmarks.event_mutations import mutated_messages
from benchmarks.mutated_events import OverSocket, converse

MESSAGES = 4_000
OVER_SOCKET = 400


@pytest.mark.parametrize("seed", [1, 2])
def test_a_conversation_survives_wrong_events(seed: int) -> None:
    rig = converse(mutated_messages(MESSAGES, seed), seed)
    assert MESSAGES / 10 < rig.unreadable < MESSAGES / 2, "some of each kind"


def test_the_network_process_survives_wrong_events() -> None:
    run = OverSocket(list(mutated_messages(OVER_SOCKET, seed=3)))
    asyncio.run(run.run())
    assert run.sessions == 1
    assert run.reports > OVER_SOCKET / 10
