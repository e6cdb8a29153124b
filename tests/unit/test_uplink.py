"""Frames on their way to sessions: from a real ring, over connections that take or refuse them."""

import asyncio
import base64
import socket
import time
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
from pipeline.pcm import NS_PER_S
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver, WakeSender
from tests.support.sound import Samples, noise

FRAME = 1_200
FRAME_NS = 50_000_000
EPOCH_NS = time.monotonic_ns()
SPOKEN = noise(3, -20_000, 20_000, seed=1)


class Connection:
    """Notes what it is sent; holds up every send while it is not `open`."""

    def __init__(self) -> None:
        self.pcm = b""
        self.marks: list[tuple[str, int]] = []  # kind of event, and samples sent before it
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, event: dict[str, str]) -> None:
        await self.open.wait()
        if "audio" in event:
            self.pcm += base64.b64decode(event["audio"])
        else:
            self.marks.append((event["type"].rpartition(".")[2], len(self.samples)))

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
        self.ends: list[str] = []
        self.ago_ns = 0

    def use(self, uplink: Uplink) -> None:
        self.uplink = uplink
        uplink.on_turn_end = self.ends.append

    def connect(self) -> Connection:
        self.connection = Connection()
        connection: Any = self.connection
        self._tasks.append(asyncio.create_task(self.uplink.run(connection, SendGate())))
        return self.connection

    def speak(self, start: int, end: int) -> None:
        for frame in range(start, end):
            time_ns = EPOCH_NS + frame * FRAME_NS - self.ago_ns
            assert self._writer.write(SPOKEN[frame * FRAME :][:FRAME], capture_time_ns=time_ns)
            self._wake.wake()

    async def drained(self) -> None:
        while not self.uplink.drained:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0.001)

    async def ended(self, turns: int) -> None:
        while len(self.ends) < turns:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)


def with_rig(
    test: Callable[[Rig, Callable[[], Uplink]], Coroutine[Any, Any, None]],
    *,
    marked_turns: bool = False,
    prefix_ms: int = 0,
) -> None:
    async def run(ring: FrameRing, state: SharedState) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            rig = Rig(ring, state, WakeSender(ours))

            def start() -> Uplink:
                return Uplink(
                    ring.reader(),
                    WakeReceiver(theirs),
                    state,
                    FRAME,
                    marked_turns=marked_turns,
                    prefix_ms=prefix_ms,
                )

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


def at(frames: float) -> int:
    """Return the time at which so many frames have been captured."""
    return EPOCH_NS + round(frames * FRAME_NS)


def test_marked_turns_are_sent_alone_and_sent_again_until_they_are_understood() -> None:
    async def test(rig: Rig, start: Callable[[], Uplink]) -> None:
        first = rig.connect()
        rig.speak(0, 4)
        await asyncio.sleep(0)
        rig.uplink.begin_turn(at(2.5))  # told late: the frame is published already
        rig.speak(4, 8)
        rig.uplink.end_turn(at(7.25))
        await rig.ended(1)
        turn = SPOKEN[3_000:8_700]
        assert np.array_equal(first.samples, turn)
        assert first.marks == [("commit", 5_700)]
        rig.uplink.receive(TurnCommitted("u1"))
        rig.speak(8, 10)
        rig.uplink.begin_turn(at(9.5))
        rig.speak(10, 12)
        assert rig.uplink.end_session(), "neither turn is understood"
        second = rig.connect()
        rig.uplink.end_turn(at(12.5))
        rig.speak(12, 13)
        await rig.ended(2)
        again = SPOKEN[11_400:15_000]
        assert np.array_equal(second.samples, np.concatenate((turn, again)))
        assert second.marks == [("commit", 5_700), ("commit", 9_300)]
        for item in ("u1", "u2"):
            rig.uplink.receive(TurnCommitted(item))
            rig.uplink.receive(UserTranscript("Words.", item))
        rig.uplink.begin_turn(at(12.6))
        rig.uplink.end_turn(at(12.7))
        rig.speak(13, 14)
        await rig.ended(3)
        assert second.marks[-1][0] == "clear"
        assert rig.ends == ["sent", "sent", "too short"]

        rig.uplink.tick()  # the reports of the words have left
        await rig.close()
        rig.use(start())  # another process, which is told of the latest turn again
        third = rig.connect()
        rig.uplink.begin_turn(at(9.5), again=True)
        rig.uplink.end_turn(at(12.5))
        rig.speak(14, 15)
        await rig.ended(4)
        assert rig.ends[-1] == "known"
        assert not third.marks
        assert not third.pcm

    with_rig(test, marked_turns=True)


def test_another_process_takes_a_turn_that_is_not_kept_any_more_for_understood() -> None:
    async def test(rig: Rig, start: Callable[[], Uplink]) -> None:
        rig.connect()
        rig.uplink.begin_turn(at(0))
        rig.speak(0, 8)
        rig.uplink.end_turn(at(7.5))
        await rig.ended(1)
        rig.uplink.receive(TurnCommitted("u1"))
        rig.uplink.receive(UserTranscript("Words.", "u1"))
        rig.speak(8, 16)
        while rig.state.network.released_samples.load() < 10 * FRAME:
            rig.uplink.tick()  # lets go of what is a second old
            await asyncio.sleep(0.01)
        await rig.close()
        rig.use(start())
        third = rig.connect()
        rig.uplink.begin_turn(at(0), again=True)
        rig.uplink.end_turn(at(7.5))
        rig.speak(16, 17)
        await rig.ended(2)
        assert rig.ends == ["sent", "known"]
        assert not third.marks

    with_rig(test, marked_turns=True)


def test_a_marked_turn_whose_end_is_told_late_ends_without_another_frame() -> None:
    async def test(rig: Rig, _start: object) -> None:
        first = rig.connect()
        rig.uplink.begin_turn(at(0))
        rig.speak(0, 8)
        while len(first.samples) < 8 * FRAME:  # noqa: ASYNC110 - lets the tasks run
            await asyncio.sleep(0.001)
        rig.uplink.end_turn(at(4.5))
        await rig.ended(1)
        assert first.marks == [("commit", 8 * FRAME)], "what was sent cannot be taken back"
        rig.uplink.receive(TurnCommitted("u1"))
        rig.uplink.begin_turn(at(9))
        rig.speak(8, 12)
        rig.uplink.end_turn(at(11))
        await rig.ended(2)
        assert first.marks[1:] == [("commit", 10 * FRAME)]

    with_rig(test, marked_turns=True)


def test_a_marked_turn_ends_although_the_microphone_gives_nothing_any_more() -> None:
    async def test(rig: Rig, _start: object) -> None:
        first = rig.connect()
        rig.uplink.begin_turn(at(0))
        rig.speak(0, 4)
        rig.uplink.end_turn(at(4.5))
        while not rig.ends:
            rig.uplink.tick()
            await asyncio.sleep(0.01)
        assert first.marks == [("commit", 4_800)]

    with_rig(test, marked_turns=True)


def test_sound_is_kept_as_long_as_the_begin_of_a_turn_may_reach_back() -> None:
    async def test(rig: Rig, _start: object) -> None:
        first = rig.connect()
        rig.ago_ns = 5 * NS_PER_S
        rig.speak(0, 8)
        rig.uplink.tick()
        rig.uplink.begin_turn(at(0) - rig.ago_ns)
        rig.uplink.end_turn(at(8) - rig.ago_ns)
        await rig.ended(1)
        assert first.marks == [("commit", 8 * FRAME)]

    with_rig(test, marked_turns=True, prefix_ms=3_600_000)
