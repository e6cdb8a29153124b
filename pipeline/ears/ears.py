"""The ears: microphone and reference in, cleaned sound and a verdict out."""

from collections.abc import Sequence

from pipeline.ears.blocks import Block, Cancelled, decibels, to_float
from pipeline.ears.compiled import block_peak, new_canceller
from pipeline.ears.detection import Detection, KeptBlock
from pipeline.ears.echo_match import EchoLeft, echo_left
from pipeline.ears.far_end import FarEnd
from pipeline.ears.headphones import HeadphoneRecogniser
from pipeline.ears.heard import Heard, Levels, State
from pipeline.ears.linear_canceller import PARTITIONS
from pipeline.ears.near_end import NearEnd, NearSpeech
from pipeline.ears.noise_floor import NoiseFloor
from pipeline.ears.parts import Parts
from pipeline.ears.rules import LEAST_RISE_DB, Evidence, RecentEvidence, Rule, never, rules_for
from pipeline.pcm import Samples

SETTLING_S = 3.0
"""Far-end sound until the ordinary rule holds."""
_NOTED_RISE_DB = 3.0
"""Above the floor of what the canceller leaves: the detectors wake up."""
_BEGINNING_BLOCKS = 6
"""Of a sound: for so long the evidence is partly of what was heard before it."""
_RELEARNING_BLOCKS = 40
"""After the reference or the echo has moved, the cancellers take the echo for a voice."""
_MOVED_BLOCKS = 15
"""After the reference has followed the echo: for so long the evidence is of before."""
_CAUGHT_UP_BLOCKS = 4
"""Before the far end is loud enough to be audible."""
_MUTED_BLOCKS = 8
"""Of sound that is not heard at all: longer than its way through the room. More teach a canceller
that there is no echo."""
_DOUBTED_BLOCKS = 20
"""Of an alarm: as long as the comparison with the reference takes to see a moved echo."""

_NO_EVIDENCE = Evidence(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_NO_LEVELS = Levels(0.0, 0.0, 0.0)


class Ears:
    """One microphone beside one loudspeaker."""

    def __init__(self, parts: Parts) -> None:
        self._rules = rules_for(
            suppressor=parts.suppressor is not None,
            silero=parts.silero is not None,
            earshot=parts.earshot is not None,
        )
        self._canceller = new_canceller()
        self._far_end = FarEnd()
        self._headphones = HeadphoneRecogniser()
        self._detection = Detection(parts)
        self._floor = NoiseFloor()
        self._recent = RecentEvidence()
        self._near_end = NearEnd()
        self._alarm_blocks = 0
        self._deaf_blocks = _BEGINNING_BLOCKS
        self._missed_blocks = 0  # of the latest, by the canceller
        self._unheard_blocks = 0  # of what sounds, by a microphone that hears nothing at all

    def hear(self, microphone: Samples, reference: Samples, *, holding: bool = False) -> Heard:
        """Take the next 10 ms of the microphone, and of what sounds 15 to 35 ms later.

        :param microphone: 240 samples
        :param reference: 240 samples that the loudspeaker plays, of a device time 15 to 35 ms after
            the microphone's; zeros when nothing plays
        :param holding: an answer is held, or the verdict is wanted always: listen although the far
            end is silent
        """
        self._hear_far_end(reference)
        if self._is_muted(microphone) or not (self._far_end.audible or holding):
            return self._rest(microphone, reference)
        settled = self._far_end.heard_s >= SETTLING_S
        cancelled = self._canceller.cancel(microphone, reference)
        self._missed_blocks = 0
        self._recognise_headphones(cancelled)
        if self._headphones.worn:
            return self._listen_without_echo(microphone, reference, cancelled, holding=holding)
        block = KeptBlock(microphone, reference, cancelled.residual)
        return self._listen(block, cancelled, settled=settled, holding=holding)

    def correct(self, references: Sequence[Samples]) -> None:
        """Take what sounds beside the latest blocks, if it was not known when they were heard."""
        self._detection.correct(references)
        self._missed_blocks = max(self._missed_blocks, len(references))
        for reference in references:
            self._hear_far_end(reference)

    def reference_moved(self, later_blocks: int, references: Sequence[Samples]) -> None:
        """Keep what is known of the echo: its reference is given `later_blocks` later from now on.

        :param references: see `linear_canceller`
        """
        self._canceller.reference_moved(later_blocks, references)
        self._detection.correct(references)

    def realigned(self) -> None:
        """Be strict again: the reference has moved, or the echo's path has changed."""
        self._far_end.forget()
        if self._headphones.worn:
            self._headphones = HeadphoneRecogniser()
            self._canceller = new_canceller()  # the other knows for certain that there is no echo
        self._deaf_blocks = _RELEARNING_BLOCKS
        self._doubt_near_end()

    def _rest(self, microphone: Samples, reference: Samples) -> Heard:
        self._deaf_blocks = max(self._deaf_blocks, _BEGINNING_BLOCKS)
        block = KeptBlock(microphone, reference, to_float(microphone), not self._headphones.worn)
        self._detection.rest(block)
        self._missed_blocks += 1
        self._near_end.rest()
        return Heard(microphone, False, NearSpeech.NONE, _NO_EVIDENCE, _NO_LEVELS, State.RESTING)

    def _is_muted(self, microphone: Samples) -> bool:
        """Whether the microphone can tell neither that there is an echo nor that there is none."""
        if not block_peak(microphone):
            self._unheard_blocks += self._far_end.sounding
        elif self._unheard_blocks:
            if self._unheard_blocks >= _MUTED_BLOCKS:
                self._begin()
                self._deaf_blocks = max(self._deaf_blocks, PARTITIONS)
            self._unheard_blocks = 0
        return self._unheard_blocks >= _MUTED_BLOCKS

    def _hear_far_end(self, reference: Samples) -> None:
        was_audible = self._far_end.audible
        self._far_end.hear(reference, counts=self._unheard_blocks < _MUTED_BLOCKS)
        if self._far_end.audible and not was_audible:
            self._begin()

    def _begin(self) -> None:
        """Give the canceller what it missed of the beginning: the echo of that is still to come."""
        kept = self._detection.kept
        missed = min(len(kept), _CAUGHT_UP_BLOCKS, self._missed_blocks)
        if missed:
            self._recent = RecentEvidence()
        for at in range(-missed, 0):
            block = kept[at]
            cancelled = self._canceller.cancel(block.microphone, block.reference)
            if block.echo:
                kept[at] = block._replace(residual=cancelled.residual)
        self._missed_blocks = 0

    def _recognise_headphones(self, cancelled: Cancelled) -> None:
        if not self._far_end.sounding:
            return
        worn = self._headphones.worn
        self._headphones.hear(cancelled.echo_power, cancelled.reference_power)
        if worn and not self._headphones.worn:
            self._far_end.forget()

    def _listen(
        self, block: KeptBlock, cancelled: Cancelled, *, settled: bool, holding: bool
    ) -> Heard:
        self._recent.add_residual(cancelled.residual_power, cancelled.echo_power)
        rises = self._rises(cancelled.residual_power)
        unexplained = rises and self._recent.leaves_more_than_leaks
        wakes = unexplained or holding or not settled
        evidence = self._detect(block, wakes=wakes)
        rule = self._rules.ordinary if settled else self._rules.strict
        speech, moved_samples = self._judge(rule, evidence)
        near = self._hear_near(
            block.residual,
            evidence,
            rule,
            likely=speech,
            unexplained=unexplained,
            echo_known=settled and not self._deaf_blocks,
        )
        state = State.LISTENING if settled else State.SETTLING
        levels = _levels(cancelled, cancelled.residual_power)
        return Heard(cancelled.cleaned, speech, near, evidence, levels, state, moved_samples)

    def _listen_without_echo(
        self, microphone: Samples, reference: Samples, cancelled: Cancelled, *, holding: bool
    ) -> Heard:
        near = to_float(microphone)
        wakes = self._rises(cancelled.microphone_power) or holding
        evidence = self._detect(KeptBlock(microphone, reference, near, echo=False), wakes=wakes)
        rule = self._rules.headphones
        speech, _ = self._judge(rule, evidence)
        certain = self._hear_near(near, evidence, rule, likely=speech)
        levels = _levels(cancelled, cancelled.microphone_power)
        return Heard(microphone, speech, certain, evidence, levels, State.HEADPHONES)

    def _detect(self, block: KeptBlock, *, wakes: bool) -> Evidence:
        listens = self._detection.hear(block, self._recent, wakes=wakes)
        return self._recent.summary() if listens else _NO_EVIDENCE

    def _hear_near(
        self,
        sound: Block,
        evidence: Evidence,
        rule: Rule,
        *,
        likely: bool,
        unexplained: bool = False,
        echo_known: bool = True,
    ) -> NearSpeech:
        return self._near_end.hear(
            sound,
            noticed=evidence.rise_db >= LEAST_RISE_DB,
            likely=likely,
            voice=evidence.voice,
            unexplained=unexplained,
            decides=rule is not never,
            echo_known=echo_known,
        )

    def _echo_left(self) -> EchoLeft | None:
        """Return the echo behind an alarm; None: it may be a person."""
        voice_is_likely = self._near_end.speech is NearSpeech.SPEECH or self._headphones.worn
        return echo_left(self._detection.kept, beside_voice=voice_is_likely)

    def _follow_echo(self, moved_samples: int | None) -> int:
        """The echo alone raised an alarm: learn it anew, or return by how much to follow it."""
        if moved_samples is None or self._headphones.worn:
            self.realigned()
            return 0
        if moved_samples:
            self._deaf_blocks = _MOVED_BLOCKS
            self._doubt_near_end()
        return moved_samples

    def _doubt_near_end(self) -> None:
        """What was weighed may be the echo."""
        if self._near_end.speech is NearSpeech.UNDECIDED:
            self._near_end = NearEnd()

    def _rises(self, cleaned_power: float) -> bool:
        """Whether anything is louder than what is always there."""
        return self._floor.rise_db(decibels(cleaned_power)) >= _NOTED_RISE_DB

    def _judge(self, rule: Rule, evidence: Evidence) -> tuple[bool, int]:
        """Return whether `rule` takes for a person what is heard, and it is not the echo.

        Also, see `Heard`, by how many samples the echo has moved.
        """
        speech = rule(evidence) and not self._deaf_blocks
        self._deaf_blocks = max(0, self._deaf_blocks - 1)
        moved_samples = 0
        doubted = speech and self._alarm_blocks < _DOUBTED_BLOCKS
        if doubted and (left := self._echo_left()) is not None:
            moved_samples = self._follow_echo(left.moved_samples)
            speech = False
        self._alarm_blocks = self._alarm_blocks + 1 if speech else 0
        return speech, moved_samples


def _levels(cancelled: Cancelled, cleaned_power: float) -> Levels:
    return Levels(cancelled.microphone_power, cleaned_power, cancelled.echo_power)
