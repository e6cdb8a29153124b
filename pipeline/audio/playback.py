"""The playback process: answers from the ring, at the pace of the loudspeaker."""

import time
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.connection import Connection

from pipeline.audio.adaptive_period import AdaptivePeriodStream
from pipeline.audio.answer_source import Answers, ResampledAnswers, RingAnswers
from pipeline.audio.fade import FADE_MS
from pipeline.audio.hold import Duck, Hold, HoldableAnswers, HoldSign
from pipeline.audio.opening import open_speaker
from pipeline.audio.player import Player
from pipeline.audio.playout import Playout
from pipeline.audio.process_loop import run_stream
from pipeline.audio.program_card import ProgramCard
from pipeline.audio.program_outlet import Outlet
from pipeline.audio.program_speaker import ProgramSpeaker
from pipeline.audio.ready_tone import SILENCED_FADE_MS, ReadyTone, choose_tone
from pipeline.audio.recorder_tap import RecorderTap
from pipeline.audio.reference import ReferenceWriter
from pipeline.audio.reopening import open_when_there
from pipeline.audio.selection import DeviceChoice
from pipeline.audio.streams import PrepareThread, Speaker
from pipeline.audio.wav import WavSpeaker
from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import RecordingEnded, Started
from pipeline.ipc.reports import Report
from pipeline.pcm import SAMPLE_RATE_HZ
from pipeline.shm.fields import PlaybackFields
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing, RingReader, RingWriter
from pipeline.shm.state import Position, SharedState
from pipeline.system.realtime import no_garbage_collection


def main(
    pipe: "Connection[Report, Command]",
    settings: Settings,
    names: SharedNames,
    choice: DeviceChoice,
) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, settings.verbose, partial(_work, settings, names, choice))


def _work(
    settings: Settings, names: SharedNames, choice: DeviceChoice, link: SupervisorLink
) -> None:
    def end_recording(error: OSError) -> None:
        link.report(RecordingEnded(error.strerror or str(error)))

    with ExitStack() as stack:
        state = stack.enter_context(SharedState.attach(names.state))
        ring = stack.enter_context(FrameRing.attach(names.playback_ring))
        reference = None
        if names.ears is not None:
            reference = stack.enter_context(FrameRing.attach(names.ears.reference_ring)).writer()
        words = state.playback
        opened = open_when_there(
            choice,
            lambda: open_speaker(choice, settings.period_ms, words, end_recording, state.program),
            words,
            link,
        )
        if opened is None:
            return
        with closing(opened) as adaptive, no_garbage_collection():
            rate_hz = adaptive.stream.rate_hz
            state.playback.rate_hz.store(rate_hz)
            recorder = _recorder_tap(names, stack, words, rate_hz)
            answers = _answers(ring.reader(), state, rate_hz, choice)
            outlet = None
            if isinstance(adaptive.stream, ProgramSpeaker):
                outlet = adaptive.stream.outlet
            player = _player(
                *(answers, state, rate_hz, reference, settings.barge_in),
                recorder=recorder,
                outlet=outlet,
                tone=choose_tone(settings, choice, state, rate_hz, ears=reference is not None),
            )
            _play(adaptive, player, state, link, recorder)
        if recorder is not None:
            recorder.publish()


def _recorder_tap(
    names: SharedNames, stack: ExitStack, words: PlaybackFields, rate_hz: int
) -> RecorderTap | None:
    if names.recorder is None:
        return None
    ring = stack.enter_context(FrameRing.attach(names.recorder.speaker_ring))
    return RecorderTap(ring.writer(), words.unrecorded_frames, rate_hz)


def _player(
    answers: Answers,
    state: SharedState,
    rate_hz: int,
    reference: RingWriter | None,
    barge_in: str,
    *,
    recorder: RecorderTap | None,
    outlet: Outlet | None,
    tone: ReadyTone | None,
) -> Player:
    """Return a player; if there are ears, it tells them what sounds, and does what they say."""
    make = partial(
        Player, state=state, rate_hz=rate_hz, recorder=recorder, outlet=outlet, tone=tone
    )
    if reference is None:
        return make(answers)
    make = partial(make, reference=ReferenceWriter(reference, state.playback, rate_hz))
    if barge_in == "service":
        return make(answers)
    sign = HoldSign(state, rate_hz)
    if barge_in == "duck":
        return make(answers, pause=Duck(sign, rate_hz))
    holdable = HoldableAnswers(answers, rate_hz)
    return make(holdable, pause=Hold(holdable, sign))


def _play(
    adaptive: AdaptivePeriodStream[Speaker],
    player: Player,
    state: SharedState,
    link: SupervisorLink,
    recorder: RecorderTap | None,
) -> None:

    def start(speaker: Speaker, prepare_thread: PrepareThread) -> None:
        if recorder is not None:
            recorder.stream_starts(speaker.rate_hz)
        speaker.start(player.render, prepare_thread)
        state.playback.clock_start_ns.store(speaker.clock_start_ns)

    link.report(Started("speaker", adaptive.stream.description))
    for _ in run_stream("speaker", adaptive, start, link, state.playback.heartbeat_ns):
        pass
    if isinstance(adaptive.stream, WavSpeaker) and state.supervisor.finished.load():
        adaptive.stream.keep_silence()
    fade_ms = max(FADE_MS, SILENCED_FADE_MS)
    time.sleep((2 * adaptive.period_ms + fade_ms) / 1_000)  # the fade-out is heard to its end


def _answers(reader: RingReader, state: SharedState, rate_hz: int, choice: DeviceChoice) -> Answers:
    words = state.playback
    handed = Position.unpacked(words.handed.load())
    in_ring = RingAnswers(reader, words.cut_generation.load(), handed)
    buffers = isinstance(choice.target, ProgramCard) and choice.target.on_request
    answers = in_ring if buffers else Playout(in_ring, words)  # who asks ahead, waits himself
    return answers if rate_hz == SAMPLE_RATE_HZ else ResampledAnswers(answers, rate_hz)
