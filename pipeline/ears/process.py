"""The ears process: hears each block of the microphone beside what sounds, and passes it on.

The callbacks do not wait for it, and it may take 10 ms. A process that dies or hangs is replaced,
and until another one is ready capture writes the frames itself.
"""

import socket
import time
from collections import deque
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np

from pipeline.ears.aligner import Aligner
from pipeline.ears.cleaned_frames import CleanedFrames, Outgoing
from pipeline.ears.ears import Ears, Heard
from pipeline.ears.hold import Reason
from pipeline.ears.hold_control import HoldControl
from pipeline.ears.job import EarsJob
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.parts import Parts, load_parts
from pipeline.ears.sent_sound import SentSound
from pipeline.ears.turn_marks import TurnMarks
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Notice, Started, Trace
from pipeline.ipc.reports import Report
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES, NS_PER_MS, NS_PER_S, Samples
from pipeline.shm.frames import Frame
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver, WakeSender
from pipeline.system.realtime import (
    EARS_PRIORITY,
    Promotion,
    no_garbage_collection,
    protect_process,
)

CHECK_S = 0.2
_SILENCE: Samples = np.zeros(BLOCK_SAMPLES, np.int16)
_WARM_UP_BLOCKS = 20
_RINGING_NS = 300 * NS_PER_MS
_NO_MORE_NS = 300 * NS_PER_MS
"""Since the latest block: longer than any card's period."""
_STILL_SOUNDING_NS = 40 * NS_PER_MS
"""Playback gives the card its samples a period or more before they sound."""


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


class _Block(NamedTuple):
    """A block of the microphone, copied."""

    position: int
    captured_at_ns: int
    samples: Samples


class Listener:
    """Hears the microphone's blocks beside the reference."""

    def __init__(
        self,
        state: SharedState,
        reference: RingReader,
        parts: Parts,
        job: EarsJob,
        link: SupervisorLink,
    ) -> None:
        self._rate_hz = state.playback.rate_hz
        self._played_samples = state.playback.played_samples
        self._realigned = state.ears.realigned
        self._reference = reference
        self._ears = Ears(parts)
        self._aligner = Aligner()
        self._job = job
        self._link = link
        self._waiting: deque[_Block] = deque()
        self._sent = SentSound()
        self._arrived_ns = 0  # the latest block
        self._sounding_generation = 0
        self._held = False
        self._audible = False
        self._turns = None
        if job.turn_silence_ms is not None:
            silero, silence_ms = parts.silero is not None, job.turn_silence_ms
            self._turns = TurnMarks(state.ears, job.turn_prefix_ms, silence_ms, silero=silero)
        self._control = HoldControl(
            state,
            interrupts=job.interrupts,
            words_only=job.sends == "cleaned" and self._turns is None,
            resumed=self._tell_resumed,
        )

    def warm_up(self) -> None:
        """Pay for the first calls before they delay a microphone."""
        for _ in range(_WARM_UP_BLOCKS):
            self._ears.hear(_SILENCE, _SILENCE, holding=True)

    @property
    def rests(self) -> bool:
        """Whether nothing sounds that a person could speak over, and no turn's end is awaited."""
        return not (self._audible or self._waiting or self._turns)

    def hear(self, block: Frame) -> list[Outgoing]:
        """Hear a block of the microphone; returns what is to be sent next, perhaps nothing yet."""
        self._control.follow_service()
        self._follow_speaker()
        self._aligner.arrives(block.item_offset_samples, block.capture_time_ns)
        samples = block.samples.copy()
        self._waiting.append(_Block(block.item_offset_samples, block.capture_time_ns, samples))
        now_ns = self._arrived_ns = time.monotonic_ns()
        silent_for_ns = now_ns - self._aligner.sounds_until_ns
        audible = self._control.holding or silent_for_ns < _RINGING_NS
        self._audible = audible
        most_waiting = self._aligner.waiting_blocks if audible else 0
        outgoing = []
        while len(self._waiting) > most_waiting:
            first = self._waiting[0]
            if audible and not self._aligner.ready(first.position, now_ns - first.captured_at_ns):
                break
            self._waiting.popleft()
            heard, reference = self._hear(first, audible=audible)
            if self._job.holds:
                # A hold after the cut would delay the next answer.
                is_cut = self._sounding_generation < self._control.generation
                sounding = silent_for_ns < _STILL_SOUNDING_NS and not is_cut
                self._control.hear(heard, sounding=sounding, now_ns=now_ns)
                self._tell_hold(heard)
            if self._turns is not None:
                sounds = audible and not self._control.holding
                self._turns.hear(heard, first.captured_at_ns, sounding=sounds)
            outgoing += self._send(first, heard, reference)
        return [Outgoing(samples, _SILENCE)] if self._job.sends == "microphone" else outgoing

    def release_late(self, now_ns: int) -> list[Outgoing]:
        """Return what was kept back by `hear`, once no more blocks come."""
        return self._sent.release() if now_ns - self._arrived_ns > _NO_MORE_NS else []

    def _send(self, block: _Block, heard: Heard, reference: Samples) -> list[Outgoing]:
        if self._job.sends != "cleaned":
            return [Outgoing(block.samples, reference)]
        cleaned = Outgoing(heard.cleaned, reference)
        if self._turns is not None:  # they tell what goes up
            return [cleaned]
        undecided = heard.near is NearSpeech.UNDECIDED
        # Where only the service decides, it hears whatever may be a person.
        near = NearSpeech.SPEECH if undecided and not self._job.holds else heard.near
        # Before the first answer only the ready tone sounds, which no service takes for a voice.
        answered = self._played_samples.load() > 0
        return self._sent.take(cleaned, near, echo=heard.echo and answered)

    def _hear(self, block: _Block, *, audible: bool) -> tuple[Heard, Samples]:
        reference = self._aligner.reference(block.position, expected=audible)
        if self._aligner.realigned:
            self._realigned.add(1)
            self._ears.realigned()
            lead_ms = self._aligner.lead_ms
            self._link.report(Trace(f"the ears know what sounds {lead_ms:.0f} ms before its echo"))
        if audible and (late := self._aligner.late_references()):
            self._ears.correct(late)
        listens = self._control.holding or self._turns is not None
        heard = self._ears.hear(block.samples, reference, holding=listens)
        return heard, reference

    def _follow_speaker(self) -> None:
        periods = self._reference.waiting()
        if not periods:
            return
        waiting_blocks, rate_hz = self._aligner.waiting_blocks, self._rate_hz.load()
        for period in periods:
            self._aligner.sounds(period, rate_hz)
        self._sounding_generation = periods[-1].generation
        self._reference.advance(len(periods))
        if self._aligner.waiting_blocks != waiting_blocks:
            delay_ms = BLOCK_MS * self._aligner.waiting_blocks
            self._link.report(Trace(f"the microphone waits {delay_ms} ms while an answer sounds"))

    def _tell_hold(self, heard: Heard) -> None:
        held_before, self._held = self._held, self._control.holding
        if self._held and not held_before:
            evidence, levels = heard.evidence, heard.levels
            self._link.report(
                Trace(
                    f"speech is likely ({heard.state.value}): Silero {evidence.silero:.2f}, "
                    f"earshot {evidence.earshot:.2f}, {evidence.rise_db:.0f} dB above the floor, "
                    f"microphone {levels.microphone_db:.0f} dB, cleaned {levels.cleaned_db:.0f} dB"
                )
            )

    def _tell_resumed(self, reason: Reason, lasted_ms: int) -> None:
        self._link.report(Trace(f"the answer paused for {lasted_ms} ms: {reason.value}"))


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
