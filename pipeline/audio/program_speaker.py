"""A speaker that gives its samples to the program, through a ring."""

import time

import numpy as np

from pipeline.audio.program_card import ProgramCard
from pipeline.audio.program_outlet import Outlet
from pipeline.audio.program_stream import ProgramStream
from pipeline.audio.streams import PrepareThread, Render
from pipeline.audio.virtual_clock import PeriodClock
from pipeline.audio.xruns import XrunLog
from pipeline.pcm import FRAME_SAMPLES, SAMPLE_RATE_HZ, ms_to_samples, samples_to_ns
from pipeline.shm.fields import PlaybackFields, ProgramFields
from pipeline.shm.wakeup import WakeSender

REQUEST_POLL_MS = 5
"""How often the program's requests are looked at: as often as a card calls."""


class ProgramSpeaker(ProgramStream):
    """Renders at the pace of a clock, or as many samples as the program asks for.

    While the ring is full, because the program takes nothing, it stands still as a card that does
    not call. Interruptions are noticed in every period, whether or not samples are wanted.
    """

    def __init__(
        self,
        card: ProgramCard,
        period_ms: float,
        xruns: XrunLog,
        words: PlaybackFields,
        program: ProgramFields,
    ) -> None:
        if card.wake is None:
            raise ValueError("the program's speaker needs a socket that wakes the program")
        super().__init__(card)
        self.description += ", on request" if card.on_request else f", period {period_ms:g} ms"
        self._words = words
        self._program = program
        self._confirms = card.confirms
        self.outlet = Outlet(self._ring.writer(), WakeSender(card.wake).wake, card, words, program)
        self._nothing = np.zeros(0, np.int16)
        self._period_samples = ms_to_samples(period_ms)  # of the clock, at 24 kHz
        self._periods = 0
        self._rendered_samples = 0
        longest = self._period_samples * card.rate_hz // SAMPLE_RATE_HZ + 1
        self._buffer = np.zeros(max(longest, FRAME_SAMPLES), np.int16)
        self._poll_samples = card.rate_hz * REQUEST_POLL_MS // 1_000
        self._dry = False  # the latest request was not met
        if card.on_request:
            self._clock = PeriodClock(ms_to_samples(REQUEST_POLL_MS), self._serve, xruns)
        else:
            self._clock = PeriodClock(self._period_samples, self._next_period, xruns)

    def start(self, render: Render, prepare_thread: PrepareThread) -> None:
        self._render = render
        self._clock.start(prepare_thread)

    def _next_period(self, due_ns: int) -> None:
        self._periods += 1
        end = self._periods * self._period_samples * self.rate_hz // SAMPLE_RATE_HZ
        count, self._rendered_samples = end - self._rendered_samples, end
        sounds_at_ns = due_ns + self._clock.period_ns
        if self.outlet.has_room(count):
            self._render(self._buffer[:count], sounds_at_ns)
        else:
            self._render(self._nothing, sounds_at_ns)

    def _serve(self, _due_ns: int) -> None:
        self._render(self._nothing, time.monotonic_ns())
        while (wanted := self._wanted_samples()) > 0:
            # In vain, silence is rendered in real time: the ears and a recording hear it.
            count = min(wanted, self._poll_samples if self._dry else FRAME_SAMPLES)
            if not self.outlet.has_room(count):
                return
            given = self._words.given_samples.load()
            self._render(self._buffer[:count], time.monotonic_ns() + self._waiting_ns())
            self._dry = self._words.given_samples.load() - given < count
            if self._dry:
                return  # there is no more yet
        self._words.callback_ns.store(time.monotonic_ns())  # it works: nothing is wanted

    def _wanted_samples(self) -> int:
        return self._program.requested_samples.load() - self._words.given_samples.load()

    def _waiting_ns(self) -> int:
        """Duration of what the program has been given and has not confirmed, if it does that."""
        if not self._confirms:
            return 0
        ahead = self._words.handed.load() - self._words.heard.load()
        same_answer = 0 <= ahead < SAMPLE_RATE_HZ * 3_600  # packed positions of one item
        return samples_to_ns(ahead) if same_answer else 0
