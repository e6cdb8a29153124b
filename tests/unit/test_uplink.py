"""Frames on their way to sessions: from a real ring, over connections that take or refuse them."""

import asyncio
import base64
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from pipeline.network.connection import SendGate
from pipeline.network.events import (
    AudioDelta,
    ResponseCreated,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    UserTranscript,
)
from pipeline.network.send_window import SendWindow
from pipeline.network.uplink import Uplink
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver, WakeSender
from tests.support.sound import Samples, noise

FRAME = 1_200
SPOKEN = noise(3, -20_000, 20_000, seed=1)


class Connection:
    """Notes what it is sent; holds up every send while it is not `open`."""

    def __init__(self) -> None:
        self.pcm = b""
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, event: dict[str, str]) -> None:
        await self.open.wait()
        self.pcm += base64.b64decode(event["audio"])

    @property
    def samples(self) -> Samples:
        return np.frombuffer(self.pcm, np.int16)


class Rig:
    """A microphone and its uplink; `connect` begins a session."""

    def __init__(self, ring: FrameRing, state: SharedState, wake: WakeSender) -> None:
        self._writer = ring.writer()
        self._wake = wake
        self._tasks: list[asyncio.Task[None]] = []
        self.state = state

    def use(self, uplink: Uplink) -> None:
        self.uplink = uplink

    def connect(self) -> Connection:
        self.connection = Connection()
        connection: Any = self.connection
        self._tasks.append(asyncio.create_task(self.uplink.run(connection, SendGate())))
        return self.connection

    def speak(self, start: int, end: int) -> None:
        for frame in range(start, end):
            assert self._writer.write(SPOKEN[frame * FRAME :][:FRAME])
            self._wake.wake()

    async def drained(self) -> None:
        while not self.uplink.drained:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)


def with_rig(test: Callable[[Rig, Callable[[], Uplink]], Coroutine[Any, Any, None]]) -> None:
    async def run(ring: FrameRing, state: SharedState) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            rig = Rig(ring, state, WakeSender(ours))

            def start() -> Uplink:
                return Uplink(ring.reader(), WakeReceiver(theirs), state, FRAME)

            rig.use(start())
            async with asyncio.timeout(60):
                await test(rig, start)
            await rig.close()

    with FrameRing.create(64) as ring, SharedState.create() as state:
        asyncio.run(run(ring, state))


def take_turn(uplink: Uplink, item: str, start_ms: int, end_ms: int) -> None:
    for event in (
        SpeechStarted(item, start_ms),
        SpeechStopped(item, end_ms),
        TurnCommitted(item),
        UserTranscript("Words.", item),
    ):
        uplink.receive(event)


def test_the_next_session_is_sent_what_no_turn_has_taken() -> None:
    async def test(rig: Rig, _start: object) -> None:
        first = rig.connect()
        rig.speak(0, 20)
        await rig.drained()
        assert np.array_equal(first.samples, SPOKEN[: 20 * FRAME])
        take_turn(rig.uplink, "u1", 0, 510)  # ends inside a frame
        rig.uplink.receive(SpeechStarted("u2", 700))
        assert rig.uplink.end_session()
        assert not rig.uplink.drained
        second = rig.connect()
        rig.speak(20, 30)
        await rig.drained()
        assert np.array_equal(second.samples, SPOKEN[510 * 24 : 30 * FRAME])
        assert len(first.samples) == 20 * FRAME

    with_rig(test)


def test_a_new_process_goes_on_where_the_last_one_stopped() -> None:
    async def test(rig: Rig, start: Callable[[], Uplink]) -> None:
        rig.connect()
        rig.speak(0, 20)
        await rig.drained()
        take_turn(rig.uplink, "u1", 0, 510)
        rig.uplink.tick()
        rig.uplink.end_session()  # as if it were not there any more
        rig.use(start())
        second = rig.connect()
        await rig.drained()
        assert np.array_equal(second.samples, SPOKEN[510 * 24 : 20 * FRAME])

    with_rig(test)


def test_a_new_process_knows_whether_a_turn_is_heard_again() -> None:
    async def test(rig: Rig, start: Callable[[], Uplink]) -> None:
        rig.connect()
        rig.speak(0, 30)
        await rig.drained()
        take_turn(rig.uplink, "u1", 0, 510)
        turn_start = rig.uplink.latest_turn_start
        assert start().take_over(turn_start), "the report of its words may not have left"
        rig.uplink.tick()
        assert not start().take_over(turn_start)
        for event in (SpeechStarted("u2", 600), SpeechStopped("u2", 900), TurnCommitted("u2")):
            rig.uplink.receive(event)
        turn_start = rig.uplink.latest_turn_start
        assert start().take_over(turn_start)
        rig.uplink.receive(ResponseCreated("r1"))
        rig.uplink.receive(AudioDelta("r1", "i1", b""))
        assert not start().take_over(turn_start), "its answer sounds"

    with_rig(test)


def test_a_process_that_was_killed_before_it_gave_frames_back() -> None:
    async def test(rig: Rig, start: Callable[[], Uplink]) -> None:
        rig.speak(0, 20)
        rig.state.network.released_samples.store(510 * 24)
        rig.use(start())
        connection = rig.connect()
        await rig.drained()
        assert np.array_equal(connection.samples, SPOKEN[510 * 24 : 20 * FRAME])

    with_rig(test)


def test_a_frame_on_its_way_is_not_sent() -> None:
    async def test(rig: Rig, _start: object) -> None:
        first = rig.connect()
        first.open.clear()
        rig.speak(0, 1)
        await asyncio.sleep(0.01)
        assert not rig.uplink.drained
        rig.uplink.end_session()
        second = rig.connect()
        await rig.drained()
        first.open.set()
        rig.speak(1, 2)
        await rig.drained()
        assert np.array_equal(second.samples, SPOKEN[: 2 * FRAME])

    with_rig(test)


def test_frames_are_given_back_and_the_loss_is_counted(monkeypatch: Any) -> None:
    monkeypatch.setattr(SendWindow, "KEPT_S", 1)

    async def test(rig: Rig, _start: object) -> None:
        rig.speak(0, 60)
        rig.uplink.tick()
        assert rig.state.network.released_samples.load() == 40 * FRAME
        assert rig.state.network.lost_samples.load() == 40 * FRAME
        connection = rig.connect()
        await rig.drained()
        assert np.array_equal(connection.samples, SPOKEN[40 * FRAME : 60 * FRAME])

    with_rig(test)
