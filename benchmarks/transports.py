"""Ways to hand a frame to another process, which echoes it.

Each `…_echo` runs in the other process; an empty frame ends it.
"""

import multiprocessing
import queue
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import faster_fifo
import numpy as np

from pipeline.pcm import PCM16, Samples
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.wakeup import WakeReceiver, WakeSender

RING_FRAMES = 16
JOIN_S = 10.0

Exchange = Callable[[Samples], Samples]
"""Hands a frame over and returns the echo, which is valid until the next call."""


@contextmanager
def ring() -> Iterator[Exchange]:
    """Two rings in shared memory, and a byte on a socketpair as wake-up in each direction."""
    near, far = socket.socketpair()
    with (
        FrameRing.create(RING_FRAMES) as there,
        FrameRing.create(RING_FRAMES) as back,
        closing(near),
        closing(far),
    ):
        writer, reader = there.writer(), back.reader()
        wake_sender, wake_receiver = WakeSender(near), WakeReceiver(near)

        def exchange(samples: Samples) -> Samples:
            writer.write(samples)
            wake_sender.wake()
            return _next_frame(reader, wake_receiver)

        with _echoing(ring_echo, there.name, back.name, far):
            yield exchange
            writer.write(samples=np.zeros(0, PCM16))
            wake_sender.wake()


def ring_echo(there: str, back: str, sock: socket.socket) -> None:
    with ExitStack() as stack:
        incoming = stack.enter_context(FrameRing.attach(there))
        outgoing = stack.enter_context(FrameRing.attach(back))
        reader, writer = incoming.reader(), outgoing.writer()
        wake_receiver, wake_sender = WakeReceiver(sock), WakeSender(sock)
        while len(samples := _next_frame(reader, wake_receiver)):
            writer.write(samples)
            wake_sender.wake()


def _next_frame(reader: RingReader, wake_receiver: WakeReceiver) -> Samples:
    while (frame := reader.front()) is None:
        select.select([wake_receiver], [], [])
        wake_receiver.clear()
    samples = frame.samples.copy()
    reader.advance()
    return samples


@contextmanager
def pipe() -> Iterator[Exchange]:
    """multiprocessing.Pipe with bytes, its fastest use."""
    near, far = multiprocessing.get_context("spawn").Pipe()

    def exchange(samples: Samples) -> Samples:
        near.send_bytes(samples.data)
        return np.frombuffer(near.recv_bytes(), PCM16)

    with _echoing(pipe_echo, far):
        yield exchange
        near.send_bytes(b"")
    near.close()
    far.close()


def pipe_echo(connection: "Connection[bytes, bytes]") -> None:
    while pcm := connection.recv_bytes():
        connection.send_bytes(pcm)


@contextmanager
def mp_queue() -> Iterator[Exchange]:
    """multiprocessing.Queue: a pipe, a lock, a pickle and a feeding thread."""
    context = multiprocessing.get_context("spawn")
    yield from _queues(context.Queue(), context.Queue())


@contextmanager
def fifo() -> Iterator[Exchange]:
    """faster_fifo.Queue: a ring in shared memory, a lock and a pickle."""
    yield from _queues(faster_fifo.Queue(1 << 20), faster_fifo.Queue(1 << 20))


def _queues(there: Any, back: Any) -> Iterator[Exchange]:  # noqa: ANN401 - two kinds of queue
    def exchange(samples: Samples) -> Samples:
        there.put(samples.tobytes())
        return np.frombuffer(_get(back), PCM16)

    with _echoing(queue_echo, there, back):
        yield exchange
        there.put(b"")
    for used in (there, back):
        used.close()


def queue_echo(there: Any, back: Any) -> None:  # noqa: ANN401 - two kinds of queue
    while pcm := _get(there):
        back.put(pcm)


def _get(waiting: Any) -> bytes:  # noqa: ANN401 - two kinds of queue
    while True:
        try:
            pcm: bytes = waiting.get(timeout=JOIN_S)
        except queue.Empty:
            continue
        return pcm


@contextmanager
def _echoing(target: Callable[..., None], *args: object) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield
        process.join(JOIN_S)
    finally:
        process.kill()
        process.join()
        process.close()
