"""The ring against a deque: after any sequence of operations both hold the same frames."""

import struct
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pipeline.pcm import FRAME_SAMPLES
from pipeline.shm.frames import Frame
from pipeline.shm.ring import FrameRing, RingReader

GENERATIONS = st.integers(0, 4)
HEADERS = st.fixed_dictionaries(
    {
        "generation": GENERATIONS,
        "item": st.integers(0, 2**64 - 1),
        "item_offset_samples": st.integers(0, 2**64 - 1),
        "capture_time_ns": st.integers(-(2**63), 2**63 - 1),
        "flags": st.integers(0, 2**32 - 1),
    }
)
SIZES = st.integers(0, FRAME_SAMPLES) | st.sampled_from([0, 1, FRAME_SAMPLES - 1, FRAME_SAMPLES])


class Expected(NamedTuple):
    sequence: int
    header: dict[str, int]
    samples: list[int]


class RingMachine(RuleBasedStateMachine):
    """Both ends have handles of their own and can be replaced, as by a process that restarts."""

    @initialize(capacity=st.integers(1, 5))
    def create(self, capacity: int) -> None:
        self.owner = FrameRing.create(capacity)
        self.handles = [self.owner]
        self.capacity = capacity
        self.waiting: deque[Expected] = deque()
        self.written = 0
        self.replace_writer()
        self.replace_reader()

    def attach(self) -> FrameRing:
        self.handles.append(FrameRing.attach(self.owner.name))
        return self.handles[-1]

    @rule()
    def replace_writer(self) -> None:
        self.writer = self.attach().writer()

    @rule()
    def replace_reader(self) -> None:
        self.reader = self.attach().reader()

    @rule(size=SIZES, seed=st.integers(0, 2**32 - 1), header=HEADERS)
    def write(self, size: int, seed: int, header: dict[str, int]) -> None:
        samples = np.random.default_rng(seed).integers(-32_768, 32_768, size, np.int16)
        room = len(self.waiting) < self.capacity
        assert self.writer.write(samples, **header) is room
        if room:
            self.waiting.append(Expected(self.written, header, samples.tolist()))
            self.written += 1

    @rule(extra=st.integers(1, 2_000))
    def write_too_much(self, extra: int) -> None:
        with pytest.raises(ValueError, match="a frame holds 1200 samples"):
            self.writer.write(np.zeros(FRAME_SAMPLES + extra, np.int16))

    @rule(field=st.sampled_from(["generation", "item", "item_offset_samples", "flags"]))
    @precondition(lambda self: len(self.waiting) < self.capacity)
    def write_a_header_that_does_not_fit(self, field: str) -> None:
        """What fails half-way publishes nothing."""
        with pytest.raises(struct.error):
            self.writer.write(np.full(7, -1, np.int16), **{field: -1})

    @rule(data=st.data())
    def advance(self, data: Any) -> None:
        count = data.draw(st.integers(0, len(self.waiting)), "frames")
        self.reader.advance(count)
        for _ in range(count):
            self.waiting.popleft()

    @rule(extra=st.integers(1, 10))
    def advance_too_far(self, extra: int) -> None:
        for count in (len(self.waiting) + extra, -extra):
            with pytest.raises(ValueError, match="cannot advance"):
                self.reader.advance(count)

    @rule(generation=st.integers(0, 5))
    def skip_older(self, generation: int) -> None:
        count = 0
        while self.waiting and self.waiting[0].header["generation"] < generation:
            self.waiting.popleft()
            count += 1
        assert self.reader.skip_older(generation) == count

    @invariant()
    def fill_and_free_agree(self) -> None:
        assert self.reader.fill_frames() == len(self.waiting)
        assert self.writer.free_frames() == self.capacity - len(self.waiting)

    @invariant()
    def the_front_is_the_oldest(self) -> None:
        assert taken(self.reader) == (self.waiting[0] if self.waiting else None)

    def teardown(self) -> None:
        del self.writer, self.reader
        for handle in reversed(self.handles):
            handle.close()


def taken(reader: RingReader) -> Expected | None:
    frame = reader.front()
    return None if frame is None else Expected(frame.sequence, _header(frame), list(frame.samples))


def _header(frame: Frame) -> dict[str, int]:
    header = frame._asdict()
    return {name: header[name] for name in header if name not in ("sequence", "samples")}


TestRing = RingMachine.TestCase
TestRing.settings = settings(max_examples=60, stateful_step_count=40)
