"""How much later than a block of the microphone its reference sounds, and what the block waits.

The canceller wants the reference before its echo: by 10 ms for its own sake, and by some more
because a card's times are not exact. A loudspeaker with much latency is given its samples early
enough. With less latency the microphone waits for one block while an answer sounds.

    lead 35 ms ──▶ 25 ms ──▶ 25 ms, 1 block waits ──▶ 15 ms, 1 block waits
         ◀─────────────── periods were early for long
"""

from pipeline.pcm import BLOCK_SAMPLES, ms_to_samples

LEAD_SAMPLES = ms_to_samples(35)
SHORTEST_LEAD_SAMPLES = ms_to_samples(15)
"""With less than 12 ms, the canceller finds nothing."""
_LEAST_SAMPLES = ms_to_samples(20)
"""Without a block that waits."""
_SPARE_SAMPLES = ms_to_samples(2)
_JUDGED_PERIODS = 60
"""A busy processor makes a few of them late."""
_FIRST_JUDGED_PERIODS = 12
"""What the canceller learns without the reference has to be forgotten again."""
_LATE_SHARE = 0.4
"""With two periods in a block, every other one is."""
_LATE_BY_CHANCE_SHARE = 0.1
_EARLY_SAMPLES = BLOCK_SAMPLES + 2 * _SPARE_SAMPLES
"""A block sooner, they are still in time, or they would be late again."""
_EARLY_TIMES = 10
"""Of judged periods, 3 s of sound: a machine that was busy may be so again."""


class Lead:
    """Follows how late the periods come that the loudspeaker is given.

    :ivar samples: the lead: 35, 25 or 15 ms, so that what was learnt moves by whole blocks.
    :ivar waiting_blocks: how many blocks of the microphone wait for their reference: 0 or 1.
    """

    def __init__(self) -> None:
        self.samples = LEAD_SAMPLES
        self.waiting_blocks = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget how late periods came: the reference lies elsewhere."""
        self._late_samples: list[int] = []
        self._judged_periods = _FIRST_JUDGED_PERIODS
        self._early_times = 0

    def take(self, late_samples: int) -> int:
        """Take a period that the loudspeaker was given.

        :param late_samples: by how much too late for its block; negative: too early
        :returns: by how many blocks the reference is to be given later from now on.
        """
        self._late_samples.append(late_samples)
        if len(self._late_samples) < self._judged_periods:
            return 0
        by_lateness, self._late_samples = sorted(self._late_samples), []
        self._judged_periods = _JUDGED_PERIODS
        late = [samples for samples in by_lateness if samples > 0]
        if len(late) > len(by_lateness) * _LATE_SHARE:
            return self._later(late[len(late) // 2])
        usual_samples = by_lateness[round(len(by_lateness) * (1 - _LATE_BY_CHANCE_SHARE)) - 1]
        self._early_times = self._early_times + 1 if usual_samples < -_EARLY_SAMPLES else 0
        return self._sooner() if self._early_times == _EARLY_TIMES else 0

    def _later(self, late_samples: int) -> int:
        self._early_times = 0
        blocks = -(-(late_samples + _SPARE_SAMPLES) // BLOCK_SAMPLES)
        if self.samples - blocks * BLOCK_SAMPLES < _LEAST_SAMPLES:
            blocks -= 1 - self.waiting_blocks
            self.waiting_blocks = 1
        blocks = min(blocks, (self.samples - SHORTEST_LEAD_SAMPLES) // BLOCK_SAMPLES)
        self.samples -= blocks * BLOCK_SAMPLES
        return blocks

    def _sooner(self) -> int:
        """Give the reference a block sooner, or let no block wait."""
        self._early_times = 0
        if self.waiting_blocks and self.samples >= _LEAST_SAMPLES:
            self.waiting_blocks = 0
            return 0
        if self.samples == LEAD_SAMPLES:
            return 0
        self.samples += BLOCK_SAMPLES
        return -1
