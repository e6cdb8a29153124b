"""What the program's microphone and speaker have in common: a ring, served at a clock's pace."""

from pipeline.audio.program_card import ProgramCard
from pipeline.audio.virtual_clock import PeriodClock
from pipeline.shm.ring import FrameRing


class ProgramStream:
    """A stream over the ring of `card`; what derives from it sets the clock."""

    clock_start_ns = 0
    _clock: PeriodClock

    def __init__(self, card: ProgramCard) -> None:
        self.rate_hz = card.rate_hz
        self.description = f"{card.name}: {card.rate_hz} Hz"
        self._ring = FrameRing.attach(card.ring)

    def check(self) -> None:
        self._clock.check()

    def close(self) -> None:
        self._clock.stop()
        self._ring.close()
