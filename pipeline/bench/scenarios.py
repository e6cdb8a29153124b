"""The situations in which a client is measured. All times are the scripted service's."""

import math
from dataclasses import dataclass

CALL_AFTER_MS = (0.0, 100.0)
"""Shortest and longest time from the first delta to the model's call of a function."""

PAUSE_MS = (5.0, 15.0)
"""Shortest and longest pause between the announcement of an answer and its first delta: the client
has read the one before the other, and the delta meets the card at any phase."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation, repeated turn by turn: an utterance, its answer, an interruption."""

    name: str
    meaning: str
    delta_ms: int = 200
    """Sound in one delta."""
    speed: float = 16.0
    """How much faster than real time deltas are sent; the recorded service's pace is 16."""
    jitter_ms: int = 0
    """Each delta is delayed by up to this much, order kept."""
    interrupt_after_ms: tuple[float, float] = (40.0, 240.0)
    """Shortest and longest time from the first delta to speech_started: a whole delta apart, so
    that an interruption meets a delta at any place."""
    late_deltas: int = 0
    """Deltas of the cancelled answer that are written after speech_started."""
    late_gap_ms: int = 50
    """From the first late delta, which follows speech_started at once, to the next."""
    busy_processes: int = 0
    """Processes that compute without pause beside the client."""
    gil_holding_tool: bool = False
    """In each answer the model calls a function that holds its interpreter for 300 ms."""
    rest_ms: int = 0
    """Calm at the end of a turn, besides what the client under test needs."""

    @property
    def late_ms(self) -> int:
        """From speech_started to the last late delta."""
        return max(0, self.late_deltas - 1) * self.late_gap_ms

    def cycle_ms(self, drain_ms: int, frame_ms: int) -> int:
        """From one turn to the next, in whole frames: the answer has been silent for a while.

        :param drain_ms: how long a client may go on sounding after the last event of a turn.
        :param frame_ms: of the client's microphone frames.
        """
        turn_ms = PAUSE_MS[1] + self.interrupt_after_ms[1] + self.late_ms
        return math.ceil((turn_ms + drain_ms + self.rest_ms) / frame_ms) * frame_ms

    def delta_delay_ns(self, index: int) -> int:
        """When delta `index` is due after the first one, jitter apart."""
        from pipeline.pcm import ms_to_ns  # brings numpy, and the command line reads SCENARIOS

        return ms_to_ns(index * self.delta_ms / self.speed)


QUIET = Scenario("quiet", "one answer at a time, nothing else happens")
LATE_DELTAS = Scenario(
    "late-deltas", "two deltas of the cancelled answer, 200 ms each, follow", late_deltas=2
)
BURSTS = Scenario("bursts", "a whole answer arrives at once", speed=math.inf)
BUSY = Scenario("busy", "four processes compute beside the client", busy_processes=4)
TOOLS = Scenario(
    "tools",
    "in each answer the model calls a function that holds its interpreter for 300 ms",
    gil_holding_tool=True,
    rest_ms=50,
)
JITTER = Scenario(
    "jitter",
    "short deltas arrive hardly faster than they are heard, each up to 40 ms late",
    delta_ms=100,
    speed=1.3,
    jitter_ms=40,
    interrupt_after_ms=(250.0, 350.0),
)

SCENARIOS = (QUIET, LATE_DELTAS, BURSTS, BUSY, TOOLS, JITTER)
SCENARIO_NAMES = tuple(scenario.name for scenario in SCENARIOS)
