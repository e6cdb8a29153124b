"""The ears process: hears each block of the microphone beside what sounds, and passes it on.

The callbacks do not wait for it, and it may take 10 ms. A process that dies or hangs is replaced,
and until another one is ready capture writes the frames itself.
"""

import socket
import time
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection

from pipeline.ears.cleaned_frames import CleanedFrames
from pipeline.ears.job import EarsJob
from pipeline.ears.listener import Listener
from pipeline.ears.parts import Parts, load_parts
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Notice, Started
from pipeline.ipc.reports import Report
from pipeline.pcm import BLOCK_MS, NS_PER_S
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver, WakeSender
from pipeline.system.realtime import (
    EARS_PRIORITY,
    Promotion,
    no_garbage_collection,
    protect_process,
)

CHECK_S = 0.2


def main(
    pipe: "Connection[Report, Command]",
    verbose: int,
    names: SharedNames,
    job: EarsJob,
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """Entry point of the spawned process; `sockets`: the one that wakes it, the network's."""
    run_child(pipe, verbose, partial(_work, names, job, sockets))


def _work(
    names: SharedNames,
    job: EarsJob,
    sockets: tuple[socket.socket, socket.socket],
    link: SupervisorLink,
) -> None:
    if names.ears is None:
        raise ValueError("the ears have no rings")
    wake_receiver, wake_sender = WakeReceiver(sockets[0], CHECK_S), WakeSender(sockets[1])
    with ExitStack() as stack:
        state = stack.enter_context(SharedState.attach(names.state))
        raw = stack.enter_context(FrameRing.attach(names.ears.raw_ring))
        capture = stack.enter_context(FrameRing.attach(names.capture_ring))
        reference = stack.enter_context(FrameRing.attach(names.ears.reference_ring))
        references = None
        if names.sent_reference_ring is not None:
            references = stack.enter_context(FrameRing.attach(names.sent_reference_ring)).writer()
        parts = load_parts()
        _tell_missing(parts, job, link)
        listener = Listener(state, reference.reader(), parts, job, link)
        listener.warm_up()
        promotion = Promotion(EARS_PRIORITY, by_broker=False)
        promotion.promote_once()
        protect_process()
        stack.enter_context(no_garbage_collection())
        promotion.log_outcome()
        link.report(Started("ears", ", ".join(_facts(job))))
        waits = Waits(state, link, wake_receiver)
        # handover: from this word on capture may name this process as the writer of its ring.
        state.ears.ready.store(job.number)
        while state.capture.route.load() != job.number:
            if not waits.wait():
                return
        frames = CleanedFrames(
            raw.reader(), capture.writer(), job.frame_samples, wake_sender.wake, references
        )
        while waits.wait():
            if (block := frames.next_block()) is None:
                for outgoing in listener.release_late(time.monotonic_ns()):
                    frames.put(outgoing)
            while block is not None:
                for outgoing in listener.hear(block):
                    frames.put(outgoing)
                block = frames.next_block() if waits.goes_on() else None
            if listener.rests:
                waits.rest(frames.missing_blocks)


class Waits:
    """Waits for the next block, and shows that the process works."""

    def __init__(self, state: SharedState, link: SupervisorLink, receiver: WakeReceiver) -> None:
        self._heartbeat_ns = state.ears.heartbeat_ns
        self._link = link
        self._receiver = receiver
        self._checked_ns = 0

    def wait(self) -> bool:
        """Wait for a wake-up, at most 0.2 s; False if the supervisor says stop."""
        self._receiver.wait()  # before the ring is read
        return self.goes_on()

    @staticmethod
    def rest(missing_blocks: int) -> None:
        """Sleep until a frame lacks its last block only: each wake-up costs more than a block."""
        if missing_blocks > 1:
            time.sleep((missing_blocks - 1) * BLOCK_MS / 1_000)

    def goes_on(self) -> bool:
        """Show that the process works, also far behind the microphone; False as of `wait`."""
        now_ns = time.monotonic_ns()
        if now_ns - self._checked_ns < CHECK_S * NS_PER_S:
            return True
        self._checked_ns = now_ns
        self._heartbeat_ns.store(now_ns)
        return not self._link.stop_requested()


def _facts(job: EarsJob) -> list[str]:
    holds = "hold an answer" if job.holds else "leave answers alone"
    if job.interrupts:
        holds = "interrupt an answer"
    if job.sends == "cleaned":
        return [holds, "remove its echo"]
    return [holds, f"send the {job.sends} as it is"]


def _tell_missing(parts: Parts, job: EarsJob, link: SupervisorLink) -> None:
    """Say what this machine lacks, once in a conversation."""
    if parts.missing and job.number == 1:
        names = ", ".join(parts.missing)
        link.report(
            Notice(
                f"The ears do without {names}, which is missing or does not load, and notice you "
                "later: install the extra 'ears', or use --ears off."
            )
        )
