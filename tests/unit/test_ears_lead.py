import pytest

from pipeline.ears.lead import LEAD_SAMPLES, SHORTEST_LEAD_SAMPLES, Lead
from pipeline.pcm import BLOCK_SAMPLES, ms_to_samples

PERIODS_PER_S = 200


class Loudspeaker:
    """Gives its periods so much before they are wanted without a lead.

    :ivar moved_blocks: by how many blocks the reference came to be given later.
    """

    def __init__(self, ahead_ms: float) -> None:
        self.ahead_ms = ahead_ms
        self.moved_blocks = 0
        self.lead = Lead()

    def play(self, seconds: float, ahead_ms: float | None = None) -> None:
        self.ahead_ms = self.ahead_ms if ahead_ms is None else ahead_ms
        for _ in range(round(seconds * PERIODS_PER_S)):
            wanted = self.lead.samples - self.lead.waiting_blocks * BLOCK_SAMPLES
            if moved_blocks := self.lead.take(wanted - ms_to_samples(self.ahead_ms)):
                self.moved_blocks += moved_blocks
                self.lead.begin_anew()

    @property
    def found(self) -> tuple[int, int]:
        """The lead in ms, and how many blocks wait."""
        return self.lead.samples * 1_000 // 24_000, self.lead.waiting_blocks


@pytest.mark.parametrize(
    ("ahead_ms", "found"),
    [(60, (35, 0)), (36, (35, 0)), (34, (25, 0)), (24, (25, 1)), (14, (15, 1)), (0, (15, 1))],
)
def test_the_lead_is_what_the_loudspeaker_allows(ahead_ms: float, found: tuple[int, int]) -> None:
    loudspeaker = Loudspeaker(ahead_ms)
    loudspeaker.play(60)
    assert loudspeaker.found == found
    assert loudspeaker.lead.samples + loudspeaker.moved_blocks * BLOCK_SAMPLES == LEAD_SAMPLES


def test_first_periods_are_judged_at_once() -> None:
    loudspeaker = Loudspeaker(10)
    loudspeaker.play(0.1)
    assert loudspeaker.lead.samples == SHORTEST_LEAD_SAMPLES


def test_some_late_periods_change_nothing() -> None:
    loudspeaker = Loudspeaker(60)
    for _ in range(100):
        loudspeaker.play(0.09, 60)
        loudspeaker.play(0.03, 0)
    assert loudspeaker.found == (35, 0)


def test_the_lead_grows_again_after_a_card_stood_still() -> None:
    loudspeaker = Loudspeaker(60)
    loudspeaker.play(1)
    loudspeaker.play(1, 0)
    assert loudspeaker.found == (15, 1)
    loudspeaker.play(12, 60)
    assert loudspeaker.found == (35, 0)
    assert loudspeaker.moved_blocks == 0


@pytest.mark.parametrize("ahead_ms", [9, 14, 24, 34, 39, 44])
def test_the_lead_comes_to_rest(ahead_ms: float) -> None:
    loudspeaker = Loudspeaker(60)
    loudspeaker.play(1, 0)
    loudspeaker.play(60, ahead_ms)
    found = loudspeaker.found
    loudspeaker.moved_blocks = 0
    loudspeaker.play(60)
    assert loudspeaker.found == found
    assert loudspeaker.moved_blocks == 0
