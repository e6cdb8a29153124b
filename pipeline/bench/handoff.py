"""Latency of the ring hand-off between two processes.

Measured from "frame is published" in one process to "the consumer runs" in the other:

    writer process: write ── wake ══ socketpair ══▶ event loop ── callback: reader process
                       └───────────────── measured ──────────────────┘

The bare wake-up beside it is the least that any hand-off costs on this machine: one byte over the
same socketpair to the same process, which waits in a system call.
"""

import asyncio
import multiprocessing
import random
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from pipeline.errors import PipelineError
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Report
from pipeline.pcm import FRAME_SAMPLES, PCM16
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.wakeup import WakeReceiver, WakeSender
from pipeline.system.event_loop import event_loop

PAUSE_S = (0.0005, 0.0025)
"""Shortest and longest time between frames: the reader is asleep before each."""

RING_FRAMES = 64
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Handoffs:
    """Latencies in microseconds."""

    ring_us: tuple[float, ...]
    bare_us: tuple[float, ...]
    """Of one byte to a process that waits in a system call."""


def measure_handoffs(frames: int) -> Handoffs:
    """Measure `frames` hand-offs of both kinds between two spawned processes."""
    published, publishing = multiprocessing.Pipe(duplex=False)
    taken, taking = multiprocessing.Pipe(duplex=False)
    waking, woken = socket.socketpair()
    with (
        FrameRing.create(RING_FRAMES) as ring,
        closing(waking),
        closing(woken),
        ChildProcesses() as children,
    ):
        children.spawn("reader", __name__, "read", ring.name, woken, frames, taking)
        children.spawn("writer", __name__, "write", ring.name, waking, frames, publishing)
        while not (published.poll() and taken.poll()):
            for _ in children.reports(POLL_S):
                pass  # failures are raised; other reports do not matter here
        times_us = [
            # A consumer that is awake may take a frame before the writer has read its clock.
            max(0, taken_ns - published_ns) / 1_000
            for published_ns, taken_ns in zip(published.recv(), taken.recv(), strict=True)
        ]
    return Handoffs(ring_us=tuple(times_us[frames:]), bare_us=tuple(times_us[:frames]))


def main(pipe: "Connection[Report, Command]", side: str, *args: Any) -> None:  # noqa: ANN401
    """Entry point of both spawned processes."""
    run_child(pipe, False, partial(_read if side == "read" else _write, *args))


def _write(
    name: str,
    waking: socket.socket,
    frames: int,
    results: "Connection[list[int], None]",
    link: SupervisorLink,
) -> None:
    published_ns = []
    pause = random.Random(frames)  # noqa: S311 - not used for secrets
    with FrameRing.attach(name) as ring:
        writer, wake_sender = ring.writer(), WakeSender(waking)
        link.stop_requested(0.2)  # until the reader waits for the first byte
        for _ in range(frames):
            time.sleep(pause.uniform(*PAUSE_S))
            published_ns.append(time.monotonic_ns())
            waking.send(b"\0")
        link.stop_requested(0.2)  # until the reader has an event loop
        for number in range(frames):
            samples = np.full(FRAME_SAMPLES, number % 30_000, PCM16)
            time.sleep(pause.uniform(*PAUSE_S))
            writer.write(samples, item=number)
            published_ns.append(time.monotonic_ns())
            wake_sender.wake()
        results.send(published_ns)
        link.stop_requested(None)


def _read(
    name: str,
    woken: socket.socket,
    frames: int,
    results: "Connection[list[int], None]",
    link: SupervisorLink,
) -> None:
    woken.setblocking(True)
    bare_ns = [_woken_ns(woken) for _ in range(frames)]
    with FrameRing.attach(name) as ring, asyncio.Runner(loop_factory=event_loop) as runner:
        ring_ns = runner.run(_collect(ring.reader(), WakeReceiver(woken), frames))
        results.send(bare_ns + ring_ns)
        link.stop_requested(None)


def _woken_ns(woken: socket.socket) -> int:
    woken.recv(1)
    return time.monotonic_ns()


async def _collect(reader: RingReader, wake_receiver: WakeReceiver, frames: int) -> list[int]:
    """Return when the event loop ran for each frame, ``time.monotonic_ns``."""
    taken_ns: list[int] = []
    done = asyncio.get_running_loop().create_future()

    def take() -> None:
        now_ns = time.monotonic_ns()
        wake_receiver.clear()
        while (frame := reader.front()) is not None:
            expected = len(taken_ns)
            taken_ns.append(now_ns)
            if frame.item != expected or (frame.samples != expected % 30_000).any():
                done.set_exception(PipelineError(f"Frame {expected} was not handed over intact."))
                return
            reader.advance()
        if len(taken_ns) == frames:
            done.set_result(taken_ns)

    asyncio.get_running_loop().add_reader(wake_receiver.fileno(), take)
    result: list[int] = await done
    return result
