"""The situations in which the ears are measured, each a conversation of its own."""

from dataclasses import dataclass, replace

ROUND_TRIPS_MS = (20, 80, 200)


@dataclass(frozen=True)
class Situation:
    """One conversation over the virtual card."""

    name: str
    echo_db: float | None = -12.0
    """Of an answer, relative to a person's voice; None: headphones."""
    room: str = "room"
    barge_in: str = "hold"
    ears: bool = True
    interruptions: int = 0
    """How often a person speaks over an answer; the round trips take turns."""
    noises: int = 0
    """How many clicks and assents fall into answers."""
    quiet_answers: int = 0
    """Answers without a person, after the first one."""
    spoken_over: bool = False
    """Whether sentences are spoken over one answer that nothing interrupts."""


HOLD = Situation("hold, -12 dB")
SERVICE = Situation("service, -12 dB", barge_in="service")
DOUBLE_TALK = Situation("an answer that goes on", barge_in="service", spoken_over=True)
NO_EARS = replace(DOUBLE_TALK, name="the same, --ears off", ears=False)

FULL = (
    replace(HOLD, interruptions=12, noises=6, quiet_answers=1),
    Situation("hold, no echo", None, interruptions=6, quiet_answers=1),
    Situation("hold, -24 dB", -24.0, interruptions=6, quiet_answers=1),
    Situation("hold, -6 dB", -6.0, interruptions=6, quiet_answers=1),
    Situation("hold, 0 dB", 0.0, interruptions=9, quiet_answers=1),
    Situation("hold, -12 dB, laptop", room="laptop", interruptions=6, quiet_answers=1),
    Situation("hold, -12 dB, far", room="far", interruptions=6, quiet_answers=1),
    replace(SERVICE, interruptions=9),
    DOUBLE_TALK,
    NO_EARS,
)
QUICK = (
    replace(HOLD, interruptions=3, noises=2, quiet_answers=1),
    replace(SERVICE, interruptions=3),
    DOUBLE_TALK,
    NO_EARS,
)
