"""Every sample passes exactly once and in order, both ways at the same time, for a minute."""

import numpy as np
import pytest

from tests.support.measured import show_measured
from tests.support.minute import ANSWERS, SPOKEN, Minute
from tests.support.sound import RATE_HZ


@pytest.fixture(autouse=True)
def _ended(minute: Minute) -> None:
    minute.wait_end()


def test_the_service_gets_every_sample(minute: Minute) -> None:
    arrived = minute.arrived()
    assert np.array_equal(arrived[: len(SPOKEN)], SPOKEN)
    assert not arrived[len(SPOKEN) :].any(), "only silence may follow the recording"


def test_every_sample_of_the_answers_sounds(minute: Minute) -> None:
    recorded = minute.recorded()
    sounding = np.flatnonzero(recorded)
    assert np.array_equal(recorded[sounding], np.concatenate(ANSWERS))
    gaps_ms = (np.diff(sounding) - 1).sum() * 1_000 / RATE_HZ
    show_measured(f"silence inside the answers: {gaps_ms:.1f} ms")


def test_nothing_is_corrected_that_nobody_interrupted(minute: Minute) -> None:
    assert {event["type"] for event in minute.session.received} == {"session.update"}
