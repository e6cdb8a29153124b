"""When the detectors rest, and what they hear when they wake up."""

import numpy as np

from pipeline.ears.blocks import Block, to_float
from pipeline.ears.detection import KEPT_BLOCKS, Detection, KeptBlock
from pipeline.ears.parts import Parts
from pipeline.ears.rules import RecentEvidence, rules_for

LOUD = np.full(240, 3_277, np.int16)
BLOCK = KeptBlock(LOUD, LOUD, to_float(LOUD))


class CountingDetector:
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0
        self.begun_anew = 0

    def keep(self, block: Block) -> None:
        assert block.shape == (160,)
        self.heard += 1

    def likelihood(self) -> float:
        return 0.7

    def begin_anew(self) -> None:
        self.begun_anew += 1


def hear(detection: Detection, recent: RecentEvidence, blocks: int, *, wakes: bool) -> bool:
    """Return whether the detectors heard the last of so many blocks."""
    return [detection.hear(BLOCK, recent, wakes=wakes) for _ in range(blocks)][-1]


def test_detectors_rest_until_something_wakes_them_up() -> None:
    earshot, recent = CountingDetector(), RecentEvidence()
    detection = Detection(Parts(earshot=earshot))
    assert not hear(detection, recent, 10, wakes=False)
    assert earshot.heard == 0
    assert hear(detection, recent, 1, wakes=True)
    assert earshot.heard == 11
    assert earshot.begun_anew == 0
    assert recent.summary().earshot == recent.voice == 0.7


def test_detectors_hear_half_a_second_more_and_rest_again() -> None:
    earshot, recent = CountingDetector(), RecentEvidence()
    detection = Detection(Parts(earshot=earshot))
    hear(detection, recent, 1, wakes=True)
    assert hear(detection, recent, 49, wakes=False)
    assert not hear(detection, recent, 50, wakes=False)
    assert earshot.heard == 50


def test_detectors_begin_anew_where_blocks_were_lost() -> None:
    earshot, recent = CountingDetector(), RecentEvidence()
    detection = Detection(Parts(earshot=earshot))
    hear(detection, recent, KEPT_BLOCKS + 5, wakes=False)
    hear(detection, recent, 1, wakes=True)
    assert earshot.heard == KEPT_BLOCKS
    assert earshot.begun_anew == 1


def test_detectors_hear_what_preceded_an_answer_and_rest_meanwhile() -> None:
    earshot, recent = CountingDetector(), RecentEvidence()
    detection = Detection(Parts(earshot=earshot))
    hear(detection, recent, 1, wakes=True)
    for _ in range(4):
        detection.rest(BLOCK)
    hear(detection, recent, 1, wakes=False)
    assert earshot.heard == 1
    hear(detection, recent, 1, wakes=True)
    assert earshot.heard == 7
    assert earshot.begun_anew == 0


def test_late_references_belong_to_the_latest_blocks() -> None:
    detection = Detection(Parts())
    for _ in range(3):
        detection.rest(BLOCK)
    silence = np.zeros_like(LOUD)
    detection.correct([LOUD, silence, LOUD])
    found = [block.reference for block in detection.kept]
    assert [reference is silence for reference in found] == [False, True, False]


def test_first_block_of_an_answer_is_compared_with_its_own_echo() -> None:
    recent = RecentEvidence()
    recent.add_residual(residual_power=1e-7, echo_power=1e-5)
    recent.add_suppressed(earshot=1.0, rise_db=30.0)
    recent.add_silero(1.0)
    rule = rules_for(suppressor=True, silero=True, earshot=True).ordinary
    assert not rule(recent.summary())
    recent.add_residual(residual_power=1e-4, echo_power=1e-5)
    assert rule(recent.summary())
