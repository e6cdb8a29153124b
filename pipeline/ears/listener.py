"""Hears each block of the microphone beside what sounds: what is held, and what is sent of it."""

import time
from collections import deque
from typing import NamedTuple

import numpy as np

from pipeline.ears.aligner import Aligner
from pipeline.ears.cleaned_frames import Outgoing
from pipeline.ears.ears import Ears
from pipeline.ears.heard import Heard
from pipeline.ears.hold import Reason
from pipeline.ears.hold_control import HoldControl
from pipeline.ears.job import EarsJob
from pipeline.ears.linear_canceller import REMEMBERED_REFERENCES
from pipeline.ears.near_end import NearSpeech
from pipeline.ears.parts import Parts
from pipeline.ears.sent_sound import SentSound
from pipeline.ears.turn_marks import TurnMarks
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.events import Notice, Trace
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES, NS_PER_MS, Samples, samples_to_ms
from pipeline.shm.frames import Frame
from pipeline.shm.ring import RingReader
from pipeline.shm.state import SharedState

_SILENCE: Samples = np.zeros(BLOCK_SAMPLES, np.int16)
_WARM_UP_BLOCKS = 20
_RINGING_NS = 300 * NS_PER_MS
_NO_MORE_NS = 300 * NS_PER_MS
"""Since the latest block: longer than any card's period."""
_STILL_SOUNDING_NS = 40 * NS_PER_MS
"""Playback gives the card its samples a period or more before they sound."""
_WRONG_TIMES = (
    "The times that the sound card tells are wrong by {:.0f} ms: the ears go by the echo that they "
    "hear."
)


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

    @property
    def _answered(self) -> bool:
        """Whether an answer has sounded: before, it is the ready tone.

        Nobody takes that for a voice, and there is nothing in it to be held.
        """
        return self._played_samples.load() > 0

    def hear(self, block: Frame) -> list[Outgoing]:
        """Hear a block of the microphone; returns what is to be sent next, perhaps nothing yet."""
        self._control.follow_service()
        self._follow_speaker()
        self._aligner.arrives(block.item_offset_samples, block.capture_time_ns)
        samples = block.samples.copy()
        self._waiting.append(_Block(block.item_offset_samples, block.capture_time_ns, samples))
        now_ns = self._arrived_ns = time.monotonic_ns()
        silent_for_ns = now_ns - self._aligner.sounds_until_ns
        self._audible = self._control.holding or silent_for_ns < _RINGING_NS
        outgoing = []
        while self._due(now_ns):
            outgoing += self._hear_next(now_ns, silent_for_ns)
        return [Outgoing(samples, _SILENCE)] if self._job.sends == "microphone" else outgoing

    def release_late(self, now_ns: int) -> list[Outgoing]:
        """Return what was kept back by `hear`, once no more blocks come."""
        return self._sent.release() if now_ns - self._arrived_ns > _NO_MORE_NS else []

    def _due(self, now_ns: int) -> bool:
        """Whether a block waits, and no longer for what sounds beside it."""
        if not self._audible:
            return bool(self._waiting)
        if len(self._waiting) <= self._aligner.lead.waiting_blocks:
            return False
        first = self._waiting[0]
        return self._aligner.ready(first.position, now_ns - first.captured_at_ns)

    def _hear_next(self, now_ns: int, silent_for_ns: int) -> list[Outgoing]:
        block = self._waiting.popleft()
        heard, reference = self._hear(block, audible=self._audible)
        if self._job.holds:
            # A hold after the cut would delay the next answer.
            is_cut = self._sounding_generation < self._control.generation
            sounding = silent_for_ns < _STILL_SOUNDING_NS and self._answered and not is_cut
            self._control.hear(heard, sounding=sounding, now_ns=now_ns)
            self._tell_hold(heard)
        if self._turns is not None:
            sounds = self._audible and not self._control.holding
            self._turns.hear(heard, block.captured_at_ns, sounding=sounds)
        return self._send(block, heard, reference)

    def _send(self, block: _Block, heard: Heard, reference: Samples) -> list[Outgoing]:
        if self._job.sends != "cleaned":
            return [Outgoing(block.samples, reference)]
        cleaned = Outgoing(heard.cleaned, reference)
        if self._turns is not None:  # they tell what goes up
            return [cleaned]
        undecided = heard.near is NearSpeech.UNDECIDED
        # Where only the service decides, it hears whatever may be a person.
        near = NearSpeech.SPEECH if undecided and not self._job.holds else heard.near
        return self._sent.take(cleaned, near, echo=heard.echo and self._answered)

    def _hear(self, block: _Block, *, audible: bool) -> tuple[Heard, Samples]:
        reference = self._aligner.reference(block.position, expected=audible)
        if self._aligner.moved_blocks is not None:
            self._reference_moved(block.position, self._aligner.moved_blocks)
        if audible and (late := self._aligner.late_references()):
            self._ears.correct(late)
        if audible and self._aligner.heard(block.position, block.samples):
            wrong_ms = samples_to_ms(self._aligner.wrong_samples)
            self._link.report(Notice(_WRONG_TIMES.format(abs(wrong_ms))))
        listens = self._control.holding or self._turns is not None
        heard = self._ears.hear(block.samples, reference, holding=listens)
        if heard.echo_moved_samples:
            self._aligner.echo_moved(heard.echo_moved_samples)
            later_ms = samples_to_ms(heard.echo_moved_samples)
            self._link.report(Trace(f"the echo is heard {later_ms:+.1f} ms later than it was"))
        return heard, reference

    def _reference_moved(self, position: int, later_blocks: int) -> None:
        latest = self._aligner.references(position, REMEMBERED_REFERENCES)
        self._ears.reference_moved(later_blocks, latest)
        if self._aligner.realigned:
            self._realigned.add(1)
            self._ears.realigned()
        if self._aligner.realigned or later_blocks:
            lead_ms = samples_to_ms(self._aligner.lead.samples)
            self._link.report(Trace(f"the ears know what sounds {lead_ms:.0f} ms before its echo"))

    def _follow_speaker(self) -> None:
        periods = self._reference.waiting()
        if not periods:
            return
        waiting_blocks, rate_hz = self._aligner.lead.waiting_blocks, self._rate_hz.load()
        for period in periods:
            self._aligner.sounds(period, rate_hz)
        self._sounding_generation = periods[-1].generation
        self._reference.advance(len(periods))
        if self._aligner.lead.waiting_blocks != waiting_blocks:
            delay_ms = BLOCK_MS * self._aligner.lead.waiting_blocks
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
