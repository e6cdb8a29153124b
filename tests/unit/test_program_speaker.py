"""A speaker that a program asks for samples: how much is rendered for a request."""

import socket
import threading

from pipeline.audio.program_card import ProgramCard
from pipeline.audio.program_speaker import REQUEST_POLL_MS, ProgramSpeaker
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import FRAME_SAMPLES, ms_to_samples
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from tests.support.sound import Samples


class Player:
    """Has nothing to give for some polls, then as much as is wanted."""

    def __init__(self, state: SharedState, empty_polls: int) -> None:
        self._words = state.playback
        self._empty_polls = empty_polls
        self.asked: list[int] = []
        self.enough = threading.Event()

    def render(self, out: Samples, _sounds_at_ns: int) -> None:
        if not len(out):
            return  # the look for interruptions
        self.asked.append(len(out))
        if len(self.asked) > self._empty_polls:
            self._words.given_samples.add(len(out))
        if len(self.asked) > self._empty_polls + 3:
            self.enough.set()


def test_silence_beside_an_open_request_is_rendered_in_real_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, SharedState.create() as state, FrameRing.create(8) as ring:
        card = ProgramCard("test", ring.name, 24_000, ours, on_request=True)
        missed = XrunLog(state.playback.output_underruns)
        speaker = ProgramSpeaker(card, 10.0, missed, state.playback, state.program)
        player = Player(state, empty_polls=10)
        state.program.requested_samples.store(24_000)
        speaker.start(player.render, lambda: None)
        player.enough.wait()
        speaker.close()
    poll = ms_to_samples(REQUEST_POLL_MS)
    assert player.asked[1:11] == [poll] * 10, "one a poll"
    assert player.asked[11:14] == [FRAME_SAMPLES] * 3, "the answer comes as soon as there is any"
