"""The ears: microphone and reference in, cleaned sound and a verdict out."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from pipeline.ears.blocks import Block, decibels, power, to_float, to_pcm16
from pipeline.ears.downsampler import Downsampler
from pipeline.ears.echo_match import EchoMatch
from pipeline.ears.far_end import FarEnd
from pipeline.ears.headphones import HeadphoneRecogniser
from pipeline.ears.linear_canceller import LinearCanceller
from pipeline.ears.noise_floor import NoiseFloor
from pipeline.ears.parts import Parts
from pipeline.ears.rules import LEAST_RISE_DB, Evidence, RecentEvidence, Rule, rules_for
from pipeline.pcm import BLOCK_SAMPLES, Samples

SETTLING_S = 3.0
"""Far-end sound until the ordinary rule holds."""
_SILERO_AWAKE_BLOCKS = 50
_STALE_BLOCKS = 6
"""For so long the parts give what they kept from before a silence: it says nothing of now."""
_RELEARNING_BLOCKS = 60
"""After the reference or the echo has moved, the cancellers take the echo for a voice."""

_DOUBTED_BLOCKS = 20
"""Of an alarm: as long as the comparison with the reference takes to see a moved echo."""


class State(Enum):
    """What the ears do."""

    RESTING = "resting"
    """The far end is silent: the microphone passes unchanged."""
    SETTLING = "settling"
    """The strict rule holds."""
    LISTENING = "listening"
    HEADPHONES = "headphones"
    """The loudspeaker is not heard: the microphone passes unchanged."""


@dataclass(frozen=True, slots=True)
class Levels:
    """In dBFS."""

    microphone_db: float
    cleaned_db: float
    echo_db: float
    """Of the estimated echo."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the ears make of one block."""

    cleaned: Samples
    """240 samples, not delayed."""
    speech: bool
    """Whether a person probably speaks over the far end."""
    evidence: Evidence
    levels: Levels
    state: State


_NO_EVIDENCE = Evidence(0.0, 0.0, 0.0, 0.0, 0.0)


class Ears:
    """One microphone beside one loudspeaker."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rules = rules_for(
            suppressor=parts.suppressor is not None,
            silero=parts.silero is not None,
            earshot=parts.earshot is not None,
        )
        self._canceller = LinearCanceller(BLOCK_SAMPLES)
        self._far_end = FarEnd()
        self._headphones = HeadphoneRecogniser()
        self._floor = NoiseFloor()
        self._recent = RecentEvidence()
        self._match = EchoMatch()
        self._alarm_blocks = 0
        self._deaf_blocks = _STALE_BLOCKS
        self._silero_awake_blocks = 0
        self._microphone = np.zeros(BLOCK_SAMPLES, np.float32)
        self._reference = np.zeros(BLOCK_SAMPLES, np.float32)
        self._microphone_16k = Downsampler()
        self._reference_16k = Downsampler()
        self._cleaned_16k = Downsampler()

    def hear(self, microphone: Samples, reference: Samples, *, holding: bool = False) -> Heard:
        """Take the next 10 ms of the microphone, and of what sounds 20 to 40 ms later.

        :param microphone: 240 samples
        :param reference: 240 samples that the loudspeaker plays, of a device time 20 to 40 ms after
            the microphone's; zeros when nothing plays
        :param holding: an answer is held, or the verdict is wanted always: listen although the far
            end is silent
        """
        self._far_end.hear(reference)
        to_float(microphone, self._microphone)
        if not (self._far_end.audible or holding):
            return self._rest(microphone)
        if self._deaf_blocks:
            self._recent = RecentEvidence()
        to_float(reference, self._reference)
        residual = self._canceller.cancel(self._microphone, self._reference)
        echo_power = power(self._canceller.echo)
        self._recognise_headphones(echo_power)
        if self._headphones.worn:
            return self._listen_without_echo(microphone, echo_power)
        return self._listen(residual, echo_power)

    def realigned(self) -> None:
        """Be strict again: the reference has moved, or the echo's path has changed."""
        self._far_end.forget()
        self._deaf_blocks = _RELEARNING_BLOCKS

    def _rest(self, microphone: Samples) -> Heard:
        self._deaf_blocks = max(self._deaf_blocks, _STALE_BLOCKS)
        level = decibels(power(self._microphone))
        return Heard(microphone, False, _NO_EVIDENCE, Levels(level, level, -100.0), State.RESTING)

    def _recognise_headphones(self, echo_power: float) -> None:
        if not self._far_end.sounding:
            return
        worn = self._headphones.worn
        self._headphones.hear(echo_power, power(self._reference))
        if worn and not self._headphones.worn:
            self._far_end.forget()

    def _listen(self, residual: Block, echo_power: float) -> Heard:
        cleaned = self._cleaned_16k.convert(residual)
        suppressed = self._suppress(cleaned)
        residual_power = power(residual)
        self._recent.add_residual(residual_power, echo_power)
        evidence = self._evidence(suppressed, cleaned)
        settled = self._far_end.heard_s >= SETTLING_S
        rule = self._rules.ordinary if settled else self._rules.strict
        state = State.LISTENING if settled else State.SETTLING
        levels = self._levels(residual_power, echo_power)
        self._match.keep(residual, self._reference)
        speech = self._judge(rule, evidence)
        if speech and self._alarm_blocks < _DOUBTED_BLOCKS and self._match.is_echo():
            self.realigned()
            speech = False
        self._alarm_blocks = self._alarm_blocks + 1 if speech else 0
        return Heard(to_pcm16(residual), speech, evidence, levels, state)

    def _judge(self, rule: Rule, evidence: Evidence) -> bool:
        if self._deaf_blocks:
            self._deaf_blocks -= 1
            return False
        return rule(evidence)

    def _suppress(self, cleaned: Block) -> Block:
        """Return the suppressor's output at 16 kHz, or `cleaned` without one."""
        suppressor = self._parts.suppressor
        if suppressor is None:
            return cleaned
        return suppressor.suppress(
            self._microphone_16k.convert(self._microphone),
            self._reference_16k.convert(self._reference),
        )

    def _listen_without_echo(self, microphone: Samples, echo_power: float) -> Heard:
        heard = self._cleaned_16k.convert(self._microphone)
        evidence = self._evidence(heard, heard)
        speech = self._judge(self._rules.headphones, evidence)
        levels = self._levels(power(self._microphone), echo_power)
        return Heard(microphone, speech, evidence, levels, State.HEADPHONES)

    def _evidence(self, suppressed: Block, cleaned: Block) -> Evidence:
        parts, recent = self._parts, self._recent
        rise_db = self._floor.rise_db(decibels(power(suppressed)))
        earshot = 0.0
        if parts.earshot is not None:
            parts.earshot.keep(suppressed)
            earshot = parts.earshot.likelihood()
        recent.add_suppressed(earshot, rise_db)
        if parts.silero is not None:
            parts.silero.keep(cleaned)
            recent.add_silero(parts.silero.likelihood() if self._silero_needed() else 0.0)
        return recent.summary()

    def _silero_needed(self) -> bool:
        """Whether anything was loud enough for a verdict, now or half a second ago."""
        if self._recent.rise_db >= LEAST_RISE_DB:
            self._silero_awake_blocks = _SILERO_AWAKE_BLOCKS
        elif self._silero_awake_blocks:
            self._silero_awake_blocks -= 1
        return self._silero_awake_blocks > 0

    def _levels(self, cleaned_power: float, echo_power: float) -> Levels:
        microphone_db = decibels(power(self._microphone))
        return Levels(microphone_db, decibels(cleaned_power), decibels(echo_power))
