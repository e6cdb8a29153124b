"""Blocks for a program that is the speaker itself: their places, and interruptions between them."""

from collections.abc import Iterator

import pytest

from pipeline.audio.program_card import FLAG_DROP, ProgramCard
from pipeline.audio.program_outlet import Outlet
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import Position, SharedState
from tests.support.sound import Samples, noise

FRAMES = 6
SOUND = noise(1.0, 1, 9_000, seed=1)

Taken = tuple[int, int, int]
"""Item, offset and length of a frame; the length of an interruption is -1."""


class Rig:
    """An outlet at the end of a small ring."""

    def __init__(self, ring: FrameRing, state: SharedState, **card: object) -> None:
        self.state = state
        self.wakes = 0
        self.reader: RingReader = ring.reader()
        rate_hz = card.pop("rate_hz", 24_000)
        declared = ProgramCard("test", ring.name, rate_hz, **card)  # type: ignore[arg-type]
        self.outlet = Outlet(ring.writer(), self._wake, declared, state.playback, state.program)

    def put(
        self, samples: int, item: int, end: int, *, of: int = 0, fading_out: bool = False
    ) -> None:
        """Put a period of which `samples` are sound, up to `end` of `item`."""
        period: Samples = SOUND[: max(of, samples)]
        self.outlet.put(period, samples, Position(item, end), fading_out=fading_out)

    def confirm(self, item: int, samples: int) -> None:
        self.state.program.confirmed.store(Position(item, samples).packed())

    def taken(self) -> list[Taken]:
        frames = []
        while (frame := self.reader.front()) is not None:
            length = -1 if frame.flags & FLAG_DROP else len(frame.samples)
            frames.append((frame.item, frame.item_offset_samples, length))
            self.reader.advance()
        return frames

    def _wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    with FrameRing.create(FRAMES) as ring:
        yield ring


@pytest.fixture
def state() -> Iterator[SharedState]:
    with SharedState.create() as state:
        yield state


def test_blocks_follow_each_other_and_split_where_an_answer_ends(
    ring: FrameRing, state: SharedState
) -> None:
    rig = Rig(ring, state)
    rig.put(240, 1, 240)
    rig.put(240, 1, 480)
    rig.put(240, 2, 100)
    rig.put(0, 2, 100, of=240)
    assert rig.taken() == [(1, 0, 240), (1, 240, 240), (1, 480, 140), (2, 0, 100)]
    assert state.playback.given_samples.load() == 720
    assert rig.wakes == 4


def test_silence_is_given_if_it_is_wanted(ring: FrameRing, state: SharedState) -> None:
    rig = Rig(ring, state, silence=True)
    rig.put(100, 1, 100, of=240)
    assert rig.taken() == [(1, 0, 100), (0, 0, 140)]
    assert state.playback.given_samples.load() == 240


def test_what_a_hold_faded_out_comes_again_from_its_place(
    ring: FrameRing, state: SharedState
) -> None:
    rig = Rig(ring, state)
    rig.put(240, 1, 240)
    rig.put(120, 1, 240, of=240, fading_out=True)  # a hold keeps the position
    rig.put(240, 1, 480)
    assert rig.taken() == [(1, 0, 240), (1, 240, 120), (1, 240, 240)]


def test_at_another_rate_blocks_have_no_gaps_although_positions_are_not_exact(
    ring: FrameRing, state: SharedState
) -> None:
    rig = Rig(ring, state, rate_hz=48_000)
    rig.put(480, 1, 238)
    rig.put(480, 1, 481)
    rig.put(480, 1, 719)
    assert rig.taken() == [(1, 0, 480), (1, 480, 480), (1, 960, 480)]


def test_an_interruption_lies_at_the_end_of_the_fade(ring: FrameRing, state: SharedState) -> None:
    rig = Rig(ring, state)
    rig.put(240, 1, 240)
    assert rig.outlet.cut(1, Position(1, 288), 48) == (1, 288)
    rig.put(48, 1, 288, of=240, fading_out=True)
    assert rig.taken() == [(1, 0, 240), (1, 288, -1), (1, 240, 48)]


def test_an_interruption_lies_where_the_program_has_confirmed(
    ring: FrameRing, state: SharedState
) -> None:
    rig = Rig(ring, state, rate_hz=48_000, confirms=True)
    rig.put(960, 1, 480)
    rig.put(960, 2, 480)
    assert rig.outlet.heard() == (0, 0)
    rig.confirm(1, 480)
    assert rig.outlet.heard() == (1, 240)
    assert rig.outlet.cut(1, Position(2, 480), 0) == (1, 240)
    rig.confirm(2, 900)
    assert rig.outlet.heard() == (1, 240), "what the program says later does not count"
    assert rig.taken()[-1] == (1, 480, -1)
    rig.put(960, 3, 480)
    rig.confirm(3, 960)
    assert rig.outlet.heard() == (3, 480)


def test_an_interruption_waits_for_room_and_comes_before_what_follows(
    ring: FrameRing, state: SharedState
) -> None:
    rig = Rig(ring, state)
    for number in range(1, FRAMES + 1):
        rig.put(240, 1, 240 * number)
    assert not rig.outlet.has_room(240)
    rig.outlet.cut(1, Position(1, 1_440), 0)
    assert len(rig.taken()) == FRAMES
    assert rig.outlet.has_room(240)
    rig.put(240, 2, 240)
    assert rig.taken() == [(1, 1_440, -1), (2, 0, 240)]


def test_a_new_process_goes_on_after_what_was_handed(ring: FrameRing, state: SharedState) -> None:
    state.playback.handed.store(Position(1, 480).packed())
    rig = Rig(ring, state)
    rig.put(240, 1, 720)
    assert rig.taken() == [(1, 480, 240)]
