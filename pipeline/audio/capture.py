"""The capture process: periods of any length in, frames of exact length out."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import soxr

from pipeline.audio.adaptive_period import AdaptivePeriodStream
from pipeline.audio.frame_assembler import FrameAssembler
from pipeline.audio.levels import level_of
from pipeline.audio.microphone_route import MicrophoneRoute, published_samples
from pipeline.audio.opening import open_microphone
from pipeline.audio.process_loop import run_stream
from pipeline.audio.recorder_tap import RecorderTap
from pipeline.audio.reopening import open_when_there
from pipeline.audio.selection import DeviceChoice
from pipeline.audio.streams import Microphone, OnPeriod, PrepareThread
from pipeline.audio.virtual_clock import ClockPlace
from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Started
from pipeline.ipc.reports import Report
from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, ms_to_samples, samples_to_ns
from pipeline.shm.fields import CaptureFields
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing, RingWriter
from pipeline.shm.state import LevelReading, SharedState
from pipeline.shm.wakeup import WakeSender, WakeSockets
from pipeline.system.realtime import no_garbage_collection

READY_POLL_S = 0.005

STANDSTILL_NS = NS_PER_S // 2
"""Far longer than a card's periods, and than what a late callback catches up with."""


class _Way(NamedTuple):
    """Where the microphone's periods go."""

    assembler: FrameAssembler
    route: MicrophoneRoute | None
    push: OnPeriod
    tap: RecorderTap | None = None


def main(
    pipe: "Connection[Report, Command]",
    settings: Settings,
    names: SharedNames,
    choice: DeviceChoice,
    sockets: WakeSockets,
) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, settings.verbose, partial(_work, settings, names, choice, sockets))


def _work(
    settings: Settings,
    names: SharedNames,
    choice: DeviceChoice,
    sockets: WakeSockets,
    link: SupervisorLink,
) -> None:
    with ExitStack() as stack:
        state = stack.enter_context(SharedState.attach(names.state))
        words = state.capture
        ring = stack.enter_context(FrameRing.attach(names.capture_ring))
        raw_ring = None
        if names.ears is not None:
            raw_ring = stack.enter_context(FrameRing.attach(names.ears.raw_ring))
        published = published_samples(ring, raw_ring, words.route.load())
        place = _place(words, published)
        assembler = FrameAssembler(
            ring.writer(),
            words,
            WakeSender(sockets.network).wake,
            ms_to_samples(settings.frame_ms),
            standstill_ns=STANDSTILL_NS if choice.is_device else None,
            muted=state.supervisor.muted.load,
            position_samples=published,
        )
        route = None
        if raw_ring is not None and sockets.ears is not None:
            wake_ears = WakeSender(sockets.ears).wake
            route = MicrophoneRoute(state, assembler, ring, raw_ring, wake_ears)
        way = _Way(assembler, route, assembler.push if route is None else route.push)
        if names.recorder is not None:
            tap_ring = stack.enter_context(FrameRing.attach(names.recorder.microphone_ring))
            tap = RecorderTap(tap_ring.writer(), words.unrecorded_frames, SAMPLE_RATE_HZ)
            push = _recorded(way.push, tap, state.supervisor.muted.load)
            way = way._replace(push=push, tap=tap)
        opened = open_when_there(
            choice, lambda: open_microphone(choice, settings.period_ms, words, place), words, link
        )
        if opened is None:
            return
        with closing(opened) as adaptive, no_garbage_collection():
            link.report(Started("microphone", adaptive.stream.description))
            if not choice.file or _wait_session_ready(state, link):
                _record(adaptive, way, words, link, is_device=choice.is_device)
        if way.tap is not None:
            way.tap.publish()


def _recorded(push: OnPeriod, tap: RecorderTap, muted: Callable[[], object]) -> OnPeriod:
    """Callback that gives each period to the recorder, and passes it to `push`."""

    def on_period(pcm: bytes, captured_at_ns: int) -> None:
        put = tap.put_silence if muted() else tap.put
        put(np.frombuffer(pcm, np.int16), captured_at_ns)
        push(pcm, captured_at_ns)

    return on_period


def _publish_level(writer: RingWriter, words: CaptureFields) -> None:
    """Look at the latest frame, in the main thread: the callback's budget is not touched.

    The callback may write into it meanwhile if the ring has gone round; a level may be that wrong.
    """
    if (frame := writer.latest()) is not None:
        level = level_of(frame.samples)
        before = LevelReading.unpacked(words.level.load())
        words.level.store(LevelReading(before.number + 1, level.peak, level.clips).packed())


def _record(
    adaptive: AdaptivePeriodStream[Microphone],
    way: _Way,
    words: CaptureFields,
    link: SupervisorLink,
    *,
    is_device: bool,
) -> None:
    assembler, route = way.assembler, way.route

    def start(microphone: Microphone, prepare_thread: PrepareThread) -> None:
        if is_device:
            assembler.reopened()
        if way.tap is not None:
            way.tap.stream_starts(SAMPLE_RATE_HZ)
        microphone.start(_at_24_khz(way.push, microphone.rate_hz), prepare_thread)
        words.clock_start_ns.store(microphone.clock_start_ns)

    end_samples: int | None = None
    for microphone in run_stream("microphone", adaptive, start, link, words.heartbeat_ns):
        if microphone.ended and not words.ended.load():
            if end_samples is None:
                end_samples = assembler.position_samples
            words.ended.store(int(route is None or route.passed(end_samples)))
        if is_device:
            _publish_level(assembler.sink.writer, words)


def _place(words: CaptureFields, published_samples: int) -> ClockPlace | None:
    """Where a recorded input goes on that a process before this one has begun to play.

    A sample counts once it is in a ring or lost, each told by one word: whenever that process
    died, no sample is left out or taken twice.
    """
    captured_samples = published_samples + words.lost_samples.load()
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
