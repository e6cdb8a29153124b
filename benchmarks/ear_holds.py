"""Holds by coughs, clicks and assents: what the ears decide, and what a service decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.ears.heard import Heard
from pipeline.ears.hold import Action, HoldRecovery, Reason
from pipeline.ears.near_end import NearSpeech
from pipeline.pcm import BLOCK_MS, BLOCK_SAMPLES

ROUND_TRIP_MS = 80.0
PATIENCE_MS = 200 + ROUND_TRIP_MS + 300
"""As `HoldControl` has learnt it: a service needs 200 ms of speech."""
_NEXT_ANSWER_BLOCKS = 200
"""After a cut no answer sounds."""


@dataclass(frozen=True)
class Held:
    """A hold and how it ended."""

    first_block: int
    lasted_ms: int
    reason: Reason | None
    """None: it was cut."""


def holds(
    heard: Sequence[Heard], *, cuts: Sequence[int] = (), interrupts: bool = False
) -> list[Held]:
    """Return the holds of an answer that sounds all the time, except after a cut.

    Each is as the first one of an answer: no earlier hold makes it less likely.

    :param cuts: samples at which the service's word for a cut arrives
    :param interrupts: whether the ears cut by themselves, as with `--barge-in local`
    """
    recovery = HoldRecovery(words_only=True, interrupts=interrupts)
    cut_blocks = {sample // BLOCK_SAMPLES for sample in cuts}
    found: list[Held] = []
    first = silent_until = -1
    for number, block in enumerate(heard):
        action = recovery.hear(
            likely=block.speech,
            certain=block.near is NearSpeech.SPEECH,
            voice=block.evidence.voice,
            sounding=number > silent_until,
            patience_ms=PATIENCE_MS,
        )
        if action is Action.HOLD:
            first = number
        elif action is Action.RESUME and recovery.latest:
            found.append(Held(first, recovery.latest.lasted_ms, recovery.latest.reason))
            recovery.release()
        cut = number in cut_blocks or (interrupts and action is Action.INTERRUPT)
        if recovery.holding and cut:
            recovery.release()
            silent_until = number + _NEXT_ANSWER_BLOCKS
            found.append(Held(first, (number - first) * BLOCK_MS, None))
    return found
