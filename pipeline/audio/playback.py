"""The playback process: whatever the ring holds, at the pace of the loudspeaker."""

import time
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection

from pipeline.audio.answer_source import Answers, ResampledAnswers, RingAnswers
from pipeline.audio.fade import FADE_MS
from pipeline.audio.opening import open_speaker
from pipeline.audio.player import Player
from pipeline.audio.playout import Playout
from pipeline.audio.selection import CardChoice
from pipeline.audio.streams import Speaker
from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import ClockStarted, Notice, PeriodsMissed, Report, Started
from pipeline.pcm import SAMPLE_RATE_HZ, Samples
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing, RingReader
from pipeline.shm.state import SharedState
from pipeline.system.realtime import (
    AUDIO_PRIORITY,
    Promotion,
    no_garbage_collection,
    protect_process,
)

CHECK_S = 0.1


def main(
    pipe: "Connection[Report, Command]", settings: Settings, names: SharedNames, choice: CardChoice
) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, settings.verbose, partial(_work, settings, names, choice))


def _work(settings: Settings, names: SharedNames, choice: CardChoice, link: SupervisorLink) -> None:
    with (
        SharedState.attach(names.state) as state,
        FrameRing.attach(names.playback_ring) as ring,
        closing(open_speaker(choice, settings.period_ms, state.playback)) as steady,
    ):
        rate_hz = steady.card.rate_hz
        player = Player(_answers(ring.reader(), state, rate_hz), state, rate_hz)
        link.report(Started("speaker", steady.card.description))
        with no_garbage_collection():
            callback = _start(steady.card, player, link)
            while not link.stop_requested(CHECK_S):
                if steady.check():
                    link.report(Notice(steady.explanation))
                    callback = _start(steady.card, player, link)
                callback.promotion.log_outcome()
                if missed := steady.missed.take():
                    link.report(PeriodsMissed("speaker", missed))
            time.sleep((2 * steady.period_ms + FADE_MS) / 1_000)  # the fade is heard to its end


def _answers(reader: RingReader, state: SharedState, rate_hz: int) -> Answers:
    answers = Playout(RingAnswers(reader), state.playback)
    return answers if rate_hz == SAMPLE_RATE_HZ else ResampledAnswers(answers, rate_hz)


def _start(speaker: Speaker, player: Player, link: SupervisorLink) -> "_Callback":
    callback = _Callback(player)
    speaker.start(callback)
    protect_process()
    link.report(ClockStarted("speaker", speaker.clock_start_ns))
    return callback


class _Callback:
    """What runs on the card's thread in every period."""

    def __init__(self, player: Player) -> None:
        self.promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
        self._render = player.render

    def __call__(self, out: Samples, sounds_at_ns: int) -> None:
        self.promotion.promote_once()
        self._render(out, sounds_at_ns)
