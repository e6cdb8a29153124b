"""The capture process: periods of any length in, frames of exact length out."""

import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection

import numpy as np
import soxr

from pipeline.audio.levels import level_of
from pipeline.audio.opening import open_microphone
from pipeline.audio.process_loop import run_stream
from pipeline.audio.reopening import open_when_there
from pipeline.audio.selection import DeviceChoice
from pipeline.audio.streams import Microphone, OnPeriod, PrepareThread
from pipeline.audio.virtual_clock import ClockPlace
from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import Report, Started
from pipeline.pcm import (
    FRAME_SAMPLES,
    NS_PER_S,
    SAMPLE_BYTES,
    SAMPLE_RATE_HZ,
    Samples,
    ms_to_samples,
    samples_to_ns,
)
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing, RingWriter
from pipeline.shm.state import CaptureFields, LevelReading, SharedState
from pipeline.shm.wakeup import WakeSender
from pipeline.system.realtime import no_garbage_collection

READY_POLL_S = 0.005

STANDSTILL_NS = NS_PER_S // 2
"""Far longer than a card's periods, and than what a late callback catches up with."""


class FrameAssembler:
    """Collects periods of any length into frames of equal length, each with its capture time.

    Call `push` from one thread: the stream's. Most calls only put a period aside; the call that
    completes a frame joins them.

    :param standstill_ns: the longest step between the capture times of two periods that counts as
        late, and not as a gap. None: there are no gaps, as in a recording.
    :param muted: whether the user has muted the microphone; its frames are silent then.

    A new process goes on where the words say that the one before it stood. The samples between are
    a gap, as after reopening a device.
    """

    def __init__(
        self,
        writer: RingWriter,
        words: CaptureFields,
        wake: Callable[[], None],
        frame_samples: int = FRAME_SAMPLES,
        *,
        standstill_ns: int | None = None,
        muted: Callable[[], object] = bool,
    ) -> None:
        self._writer = writer
        self._words = words
        self._wake = wake
        self._frame_samples = frame_samples
        self._frame_bytes = frame_samples * SAMPLE_BYTES
        self._periods = [b""]
        self._filled_bytes = 0
        self._captured_at_ns = words.captured_until_ns.load()  # first sample of the latest period
        self._reopened = False
        self._standstill_ns = standstill_ns or sys.maxsize
        self._muted = muted

    def push(self, pcm: bytes, captured_at_ns: int) -> None:
        """Take the next samples, int16; the first of them was captured at `captured_at_ns`."""
        if self._reopened or captured_at_ns - self._captured_at_ns > self._standstill_ns:
            self._reopened = False
            self._note_gap(captured_at_ns)
        self._captured_at_ns = captured_at_ns
        self._periods.append(pcm)
        self._filled_bytes += len(pcm)
        if self._filled_bytes >= self._frame_bytes:
            self._publish_frames()

    def reopened(self) -> None:
        """Count the time until the next `push` as lost. Call it before a new stream starts."""
        self._reopened = True

    def _note_gap(self, captured_at_ns: int) -> None:
        if not self._captured_at_ns:
            return
        end_ns = self._captured_at_ns + samples_to_ns(len(self._periods[-1]) // SAMPLE_BYTES)
        gap_ns = max(0, captured_at_ns - end_ns)
        self._words.gap_samples.add(gap_ns * SAMPLE_RATE_HZ // NS_PER_S)

    def _publish_frames(self) -> None:
        """Publish the whole frames and keep the rest."""
        before_samples = (self._filled_bytes - len(self._periods[-1])) // SAMPLE_BYTES
        start_ns = self._captured_at_ns - samples_to_ns(before_samples)
        samples = np.frombuffer(b"".join(self._periods), np.int16)
        if self._muted():
            samples = np.zeros_like(samples)
        whole = len(samples) - len(samples) % self._frame_samples
        for start in range(0, whole, self._frame_samples):
            frame = samples[start : start + self._frame_samples]
            self._publish(frame, start_ns + samples_to_ns(start))
        rest = samples[whole:].tobytes()
        self._periods, self._filled_bytes = [rest], len(rest)
        self._captured_at_ns = start_ns + samples_to_ns(whole)
        self._words.captured_samples.add(whole)
        self._words.captured_until_ns.store(self._captured_at_ns)
        self._words.callback_ns.store(time.monotonic_ns())

    def _publish(self, frame: Samples, captured_at_ns: int) -> None:
        if self._writer.write(frame, capture_time_ns=captured_at_ns):
            self._wake()
        else:
            self._words.lost_samples.add(len(frame))


def main(
    pipe: "Connection[Report, Command]",
    settings: Settings,
    names: SharedNames,
    choice: DeviceChoice,
    wake_socket: socket.socket,
) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, settings.verbose, partial(_work, settings, names, choice, wake_socket))


def _work(
    settings: Settings,
    names: SharedNames,
    choice: DeviceChoice,
    wake_socket: socket.socket,
    link: SupervisorLink,
) -> None:
    with (
        SharedState.attach(names.state) as state,
        FrameRing.attach(names.capture_ring) as ring,
    ):
        words, writer, frame_samples = (
            state.capture,
            ring.writer(),
            ms_to_samples(settings.frame_ms),
        )
        place = _place(words, writer, frame_samples)
        assembler = FrameAssembler(
            writer,
            words,
            WakeSender(wake_socket).wake,
            frame_samples,
            standstill_ns=None if choice.file else STANDSTILL_NS,
            muted=state.supervisor.muted.load,
        )

        def start(microphone: Microphone, prepare_thread: PrepareThread) -> None:
            assembler.reopened()
            on_period = _at_24_khz(assembler.push, microphone.rate_hz)
            microphone.start(on_period, prepare_thread)
            words.clock_start_ns.store(microphone.clock_start_ns)

        opened = open_when_there(
            choice, lambda: open_microphone(choice, settings.period_ms, words, place), words, link
        )
        if opened is None:
            return
        with closing(opened) as adaptive, no_garbage_collection():
            link.report(Started("microphone", adaptive.stream.description))
            if choice.file and not _wait_session_ready(state, link):
                return
            for microphone in run_stream("microphone", adaptive, start, link, words.heartbeat_ns):
                words.ended.store(int(microphone.ended))
                if choice.file is None:
                    _publish_level(writer, words)


def _publish_level(writer: RingWriter, words: CaptureFields) -> None:
    """Look at the latest frame, in the main thread: the callback's budget is not touched.

    The callback may write into it meanwhile if the ring has gone round; a level may be that wrong.
    """
    if (frame := writer.latest()) is not None:
        level = level_of(frame.samples)
        before = LevelReading.unpacked(words.level.load())
        words.level.store(LevelReading(before.number + 1, level.peak, level.clips).packed())


def _place(words: CaptureFields, writer: RingWriter, frame_samples: int) -> ClockPlace | None:
    """Where a recorded input goes on that a process before this one has begun to play.

    A frame counts once it is in the ring or lost, each told by one word: whenever that process
    died, no sample is left out or taken twice.
    """
    captured_samples = writer.written_frames * frame_samples + words.lost_samples.load()
    words.captured_samples.store(captured_samples)
    start_ns = words.clock_start_ns.load()
    return ClockPlace(start_ns, captured_samples) if start_ns else None


def _wait_session_ready(state: SharedState, link: SupervisorLink) -> bool:
    """Wait until the session hears the recording; False if the supervisor says stop before."""
    while not state.network.ready.load():
        state.capture.heartbeat_ns.store(time.monotonic_ns())
        if link.stop_requested(READY_POLL_S):
            return False
    return True


def _at_24_khz(push: OnPeriod, rate_hz: int) -> OnPeriod:
    """Callback for periods of `rate_hz` that passes them to `push` at 24 kHz."""
    if rate_hz == SAMPLE_RATE_HZ:
        return push
    resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")

    def on_period(pcm: bytes, captured_at_ns: int) -> None:
        captured_at_ns -= samples_to_ns(int(resampler.delay()))
        resampled = resampler.resample_chunk(np.frombuffer(pcm, np.int16))
        push(resampled.tobytes(), captured_at_ns)

    return on_period
