"""The microphone given to ears and taken back: no sample lost or doubled, whoever dies when."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio.frame_assembler import FrameAssembler
from pipeline.audio.microphone_route import MicrophoneRoute, published_samples
from pipeline.ears.cleaned_frames import CleanedFrames, Outgoing
from pipeline.pcm import BLOCK_SAMPLES, FRAME_SAMPLES, Samples, samples_to_ns
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState

START_NS = 5_000_000_000
PERIOD = 120


class DeathError(Exception):
    """A capture process dies here."""


class Rig:
    """A capture process, ears, and the network's end of the ring, all in one."""

    def __init__(
        self, state: SharedState, capture: FrameRing, raw: FrameRing, frame_samples: int
    ) -> None:
        self.state = state
        self._capture = capture
        self._raw = raw
        self._frame_samples = frame_samples
        self._network = capture.reader()
        self._pushed = 0
        self._arrived: list[Samples] = []
        self.times_ns: list[tuple[int, int]] = []
        """Position and capture time of each frame."""
        self._ears: CleanedFrames | None = None
        self.start_capture()

    def start_capture(self) -> None:
        """Go on as a new process does; what the one before had put aside for a frame is gone."""
        route = self.state.capture.route.load()
        self._pushed = published_samples(self._capture, self._raw, route)
        self._pushed += self.state.capture.lost_samples.load()
        assembler = FrameAssembler(
            self._capture.writer(),
            self.state.capture,
            lambda: None,
            self._frame_samples,
            position_samples=published_samples(self._capture, self._raw, route),
        )
        self._route = MicrophoneRoute(self.state, assembler, self._capture, self._raw, lambda: None)

    def die_as_soon_as_it_is_taken_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        store = self.state.capture.route.store

        def store_and_die(number: int) -> None:
            store(number)
            raise DeathError

        with monkeypatch.context() as patched:
            patched.setattr(self._route, "_route", SimpleNamespace(store=store_and_die))
            with pytest.raises(DeathError):
                self.push()
        self.start_capture()

    def start_ears(self) -> None:
        number = self.state.supervisor.ears.load() + 1
        self.state.supervisor.ears.store(number)
        self.state.ears.ready.store(number)
        self._ears = None

    def kill_ears(self) -> None:
        """Let them die and be missed: others are on their way, and not ready."""
        self._ears = None
        self.state.supervisor.ears.store(self.state.supervisor.ears.load() + 1)

    def push(self, samples: int = PERIOD) -> None:
        pcm = coded(self._pushed, samples)
        self._route.push(pcm.tobytes(), START_NS + samples_to_ns(self._pushed))
        self._pushed += samples

    def hear(self, most_blocks: int = 1_000) -> None:
        """Let the ears work, if they have been given the microphone."""
        number = self.state.supervisor.ears.load()
        if self.state.capture.route.load() != number or number != self.state.ears.ready.load():
            return
        if self._ears is None:
            self._ears = CleanedFrames(
                self._raw.reader(), self._capture.writer(), self._frame_samples, lambda: None
            )
        for _ in range(most_blocks):
            block = self._ears.next_block()
            if block is None:
                return
            samples = block.samples.copy()
            self._ears.put(Outgoing(samples, samples))

    def send(self) -> None:
        while (frame := self._network.front()) is not None:
            self._arrived.append(frame.samples.copy())
            self.times_ns.append((frame.item_offset_samples, frame.capture_time_ns))
            self._network.advance()

    def arrived(self) -> Samples:
        self.send()
        return np.concatenate(self._arrived) if self._arrived else np.zeros(0, np.int16)

    def assert_whole(self, least_samples: int) -> None:
        arrived = self.arrived()
        assert len(arrived) >= least_samples
        assert np.array_equal(arrived, coded(0, len(arrived)))
        for position, captured_at_ns in self.times_ns:
            assert abs(captured_at_ns - START_NS - samples_to_ns(position)) <= 2


def coded(start: int, count: int) -> Samples:
    """Samples that say where they are."""
    return (np.arange(start, start + count) % 65_536).astype(np.uint16).view(np.int16)


@contextmanager
def route_rig(frame_samples: int = FRAME_SAMPLES, capture_frames: int = 256) -> Iterator[Rig]:
    with (
        SharedState.create() as state,
        FrameRing.create(capture_frames) as capture,
        FrameRing.create(512) as raw,
    ):
        yield Rig(state, capture, raw, frame_samples)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with route_rig() as rig:
        yield rig


def test_without_ears_capture_writes_the_frames(rig: Rig) -> None:
    for _ in range(25):
        rig.push()
    rig.assert_whole(2_400)
    assert rig.state.capture.route.load() == 0


def test_ears_that_are_not_ready_get_nothing(rig: Rig) -> None:
    rig.state.supervisor.ears.store(1)
    for _ in range(10):
        rig.push()
    assert rig.state.capture.route.load() == 0
    rig.assert_whole(FRAME_SAMPLES)


def test_killed_ears_leave_nothing_behind(rig: Rig) -> None:
    for _ in range(7):
        rig.push()
    rig.start_ears()
    for _ in range(40):
        rig.push()
        rig.hear()
    for _ in range(30):
        rig.push()
        rig.hear(most_blocks=1)
    rig.kill_ears()
    for _ in range(20):
        rig.push()
    assert rig.state.capture.route.load() == 0
    rig.assert_whole(10_800)
    assert rig.state.capture.lost_samples.load() == 0


@pytest.mark.parametrize("again", [False, True])
def test_capture_that_dies_in_taking_back_leaves_nothing_to_the_next_ears(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    rig.start_ears()
    for _ in range(14):
        rig.push()
    rig.hear()
    rig.kill_ears()
    rig.die_as_soon_as_it_is_taken_back(monkeypatch)
    rig.start_ears()
    if again:
        rig.push()  # less than a block
        rig.start_capture()
    for _ in range(40):
        rig.push()
        rig.hear()
    rig.assert_whole(4_800)


@pytest.mark.parametrize("frame_samples", [240, 480, 1_200])
@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["push", "push", "push", "hear", "hear one", "start", "kill", "capture"]),
        max_size=150,
    ),
    period=st.sampled_from([120, 240, 333, 960]),
)
def test_in_every_order_each_sample_arrives_once(
    frame_samples: int, steps: list[str], period: int
) -> None:
    """A recorded microphone: a new capture process goes on behind what was published."""
    with route_rig(frame_samples) as rig:
        acts = {
            "push": lambda: rig.push(period),
            "hear": rig.hear,
            "hear one": lambda: rig.hear(1),
            "start": rig.start_ears,
            "kill": rig.kill_ears,
            "capture": rig.start_capture,
        }
        for step in steps:
            acts[step]()
            rig.send()
        rig.kill_ears()
        for _ in range(2):
            rig.push(2 * FRAME_SAMPLES)
        rig.assert_whole(2 * FRAME_SAMPLES)


def test_while_the_network_is_away_blocks_wait_and_the_loss_is_counted_once() -> None:
    with route_rig(capture_frames=4) as rig:
        rig.start_ears()
        for _ in range(1_500):
            rig.push()
            rig.hear()
        waiting = 4 * FRAME_SAMPLES + 512 * BLOCK_SAMPLES
        assert rig.state.capture.lost_samples.load() == 1_500 * PERIOD - waiting
        for _ in range(1 + waiting // FRAME_SAMPLES):
            rig.send()
            rig.hear()
        assert np.array_equal(rig.arrived(), coded(0, waiting - waiting % FRAME_SAMPLES))


def test_blocks_that_the_ears_give_all_at_once_become_frames_of_the_usual_length() -> None:
    samples = coded(0, 12 * BLOCK_SAMPLES)
    with FrameRing.create(2) as capture, FrameRing.create(16) as raw:
        microphone, network = raw.writer(), capture.reader()
        frames = CleanedFrames(raw.reader(), capture.writer(), 2 * BLOCK_SAMPLES, lambda: None)
        blocks = np.split(samples, 12)
        for index, block in enumerate(blocks):
            position = index * BLOCK_SAMPLES
            microphone.write(
                block,
                item_offset_samples=position,
                capture_time_ns=START_NS + samples_to_ns(position),
            )
            assert frames.next_block() is not None
        for block in blocks:
            frames.put(Outgoing(block, block))  # there is room for two frames
        arrived: list[Samples] = []
        while (frame := network.front()) is not None:
            assert frame.item_offset_samples == len(arrived) * 2 * BLOCK_SAMPLES
            assert frame.capture_time_ns == START_NS + samples_to_ns(frame.item_offset_samples)
            arrived.append(frame.samples.copy())
            network.advance()
            assert frames.next_block() is None
        assert [len(frame) for frame in arrived] == [2 * BLOCK_SAMPLES] * 6
        assert np.array_equal(np.concatenate(arrived), samples)
