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
from pipeline.ears.part_guard import PartFailedError
from pipeline.ears.parts import Parts, load_parts
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Started, Trace
from pipeline.ipc.reports import EarsParts, Report
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
    with ExitStack() as stack:
        work = _Work(names, job, sockets, link, stack)
        parts: Parts | None = load_parts()
        while parts is not None:
            parts = work.listen(parts)


class _Work:
    """All that an ears process does, with the parts that it has at the moment."""

    def __init__(
        self,
        names: SharedNames,
        job: EarsJob,
        sockets: tuple[socket.socket, socket.socket],
        link: SupervisorLink,
        stack: ExitStack,
    ) -> None:
        if names.ears is None:
            raise ValueError("the ears have no rings")
        self._state = stack.enter_context(SharedState.attach(names.state))
        self._raw = stack.enter_context(FrameRing.attach(names.ears.raw_ring))
        self._capture = stack.enter_context(FrameRing.attach(names.capture_ring))
        self._reference = stack.enter_context(FrameRing.attach(names.ears.reference_ring))
        self._references = None
        if names.sent_reference_ring is not None:
            ring = stack.enter_context(FrameRing.attach(names.sent_reference_ring))
            self._references = ring.writer()
        self._job = job
        self._link = link
        self._stack = stack
        self._wake = WakeSender(sockets[1]).wake
        self._waits = Waits(self._state, link, WakeReceiver(sockets[0], CHECK_S))
        self._begun = False

    def listen(self, parts: Parts) -> Parts | None:
        """Listen to the end, or until a part fails; then return those that are left.

        What is not published then lies in the raw ring still: new ears hear it.
        """
        self._link.report(EarsParts(parts.missing, parts.notice_speech))
        try:
            listener = Listener(self._state, self._reference.reader(), parts, self._job, self._link)
            if not self._begun:
                listener.warm_up()
                self._begin(parts)
            if self._is_given_microphone():
                self._hear(listener)
        except PartFailedError as error:
            self._link.report(Trace(f"{error}: {error.__cause__!r}"))
            return parts.without(error.package)
        return None

    def _begin(self, parts: Parts) -> None:
        """Do what is worth it only now that all is loaded, and say that it is."""
        promotion = Promotion(EARS_PRIORITY, by_broker=False)
        promotion.promote_once()
        protect_process()
        self._stack.enter_context(no_garbage_collection())
        promotion.log_outcome()
        self._link.report(Started("ears", ", ".join(_facts(self._job, parts))))
        # handover: from this word on capture may name this process as the writer of its ring.
        self._state.ears.ready.store(self._job.number)
        self._begun = True

    def _is_given_microphone(self) -> bool:
        """Wait until capture gives it; False if the supervisor says stop before."""
        while self._state.capture.route.load() != self._job.number:
            if not self._waits.wait():
                return False
        return True

    def _hear(self, listener: Listener) -> None:
        waits = self._waits
        frames = CleanedFrames(
            self._raw.reader(),
            self._capture.writer(),
            self._job.frame_samples,
            self._wake,
            self._references,
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


def _facts(job: EarsJob, parts: Parts) -> list[str]:
    holds = "hold an answer" if job.holds else "leave answers alone"
    if job.interrupts:
        holds = "interrupt an answer"
    if not parts.notice_speech:
        holds = "notice nobody"
    if job.sends == "cleaned":
        return [holds, "remove its echo"]
    return [holds, f"send the {job.sends} as it is"]
