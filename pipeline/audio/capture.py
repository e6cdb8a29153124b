"""The capture process: device periods in, exact 50 ms frames out."""

import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection

import numpy as np
import soxr

from pipeline.audio.opening import open_microphone
from pipeline.audio.selection import CardChoice
from pipeline.audio.streams import Microphone
from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import ClockStarted, Notice, PeriodsMissed, Report, Started
from pipeline.pcm import (
    FRAME_SAMPLES,
    NS_PER_S,
    SAMPLE_RATE_HZ,
    Samples,
    ms_to_samples,
    samples_to_ns,
)
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing, RingWriter
from pipeline.shm.state import CaptureFields, SharedState
from pipeline.shm.wakeup import WakeSender
from pipeline.system.realtime import (
    AUDIO_PRIORITY,
    Promotion,
    no_garbage_collection,
    protect_process,
)

CHECK_S = 0.1
READY_POLL_S = 0.005


class FrameAssembler:
    """Collects samples of any count into frames of equal length, each with its capture time.

    Call it from one thread: the card's.
    """

    def __init__(
        self,
        writer: RingWriter,
        words: CaptureFields,
        wake: Callable[[], None],
        frame_samples: int = FRAME_SAMPLES,
    ) -> None:
        self._writer = writer
        self._words = words
        self._wake = wake
        self._frame = np.zeros(frame_samples, np.int16)
        self._filled = 0
        self._captured_at_ns = 0
        self._reopened = False
        self._end_ns = 0  # of the latest sample

    def push(self, samples: Samples, captured_at_ns: int) -> None:
        """Take the next samples; the first of them was captured at `captured_at_ns`."""
        if self._reopened:
            self._reopened = False
            self._note_gap(captured_at_ns)
        self._end_ns = captured_at_ns + samples_to_ns(len(samples))
        taken = 0
        while taken < len(samples):
            if not self._filled:
                self._captured_at_ns = captured_at_ns + samples_to_ns(taken)
            count = min(len(self._frame) - self._filled, len(samples) - taken)
            self._frame[self._filled : self._filled + count] = samples[taken : taken + count]
            self._filled += count
            taken += count
            if self._filled == len(self._frame):
                self._publish()
        self._words.captured_samples.add(len(samples))
        self._words.heartbeat_ns.store(time.monotonic_ns())

    def reopened(self) -> None:
        """Call it before the first `push` of a card that takes over: what lies between is lost."""
        self._reopened = True

    def _note_gap(self, captured_at_ns: int) -> None:
        gap_ns = max(0, captured_at_ns - self._end_ns) if self._end_ns else 0
        self._words.gap_samples.add(gap_ns * SAMPLE_RATE_HZ // NS_PER_S)

    def _publish(self) -> None:
        self._filled = 0
        if self._writer.write(self._frame, capture_time_ns=self._captured_at_ns):
            self._wake()
        else:
            self._words.lost_samples.add(len(self._frame))


def main(
    pipe: "Connection[Report, Command]",
    settings: Settings,
    names: SharedNames,
    choice: CardChoice,
    wake_socket: socket.socket,
) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, settings.verbose, partial(_work, settings, names, choice, wake_socket))


def _work(
    settings: Settings,
    names: SharedNames,
    choice: CardChoice,
    wake_socket: socket.socket,
    link: SupervisorLink,
) -> None:
    with (
        SharedState.attach(names.state) as state,
        FrameRing.attach(names.capture_ring) as ring,
        closing(open_microphone(choice, settings.period_ms, state.capture)) as steady,
    ):
        assembler = FrameAssembler(
            ring.writer(),
            state.capture,
            WakeSender(wake_socket).wake,
            ms_to_samples(settings.frame_ms),
        )
        link.report(Started("microphone", steady.card.description))
        if choice.file and not _wait_session_ready(state, link):
            return
        with no_garbage_collection():
            callback = _start(steady.card, assembler, link)
            while not link.stop_requested(CHECK_S):
                if steady.check():
                    link.report(Notice(steady.explanation))
                    assembler.reopened()
                    callback = _start(steady.card, assembler, link)
                callback.promotion.log_outcome()
                if missed := steady.missed.take():
                    link.report(PeriodsMissed("microphone", missed))
                state.capture.ended.store(int(steady.card.ended))


def _start(microphone: Microphone, assembler: FrameAssembler, link: SupervisorLink) -> "_Callback":
    callback = _Callback(assembler, microphone.rate_hz)
    microphone.start(callback)
    protect_process()
    link.report(ClockStarted("microphone", microphone.clock_start_ns))
    return callback


def _wait_session_ready(state: SharedState, link: SupervisorLink) -> bool:
    """A recording starts once somebody listens; False if the supervisor says stop before."""
    while not state.network.ready.load():
        if link.stop_requested(READY_POLL_S):
            return False
    return True


class _Callback:
    """What runs on the card's thread in every period."""

    def __init__(self, assembler: FrameAssembler, rate_hz: int) -> None:
        self.promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
        self._push = assembler.push
        self._same_rate = rate_hz == SAMPLE_RATE_HZ
        self._resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")

    def __call__(self, samples: Samples, captured_at_ns: int) -> None:
        self.promotion.promote_once()
        if not self._same_rate:
            captured_at_ns -= samples_to_ns(int(self._resampler.delay()))
            samples = self._resampler.resample_chunk(samples)
        self._push(samples, captured_at_ns)
