"""The situations in which a client is measured. All times are those of the scripted service."""

import math
import sys
from dataclasses import dataclass

CALL_AFTER_MS = (0.0, 100.0)
"""Shortest and longest time from the first delta to the model's function call."""

PAUSE_MS = (5.0, 15.0)
"""Shortest and longest pause between the announcement of an answer and its first delta: long enough
for the client to have read the announcement, and random, so that the delta meets the card at any
phase."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation, repeated turn by turn: an utterance, its answer, an interruption."""

    name: str
    meaning: str
    delta_ms: int = 200
    """Length of one delta."""
    speed: float = 16.0
    """How much faster than real time deltas are sent; 16 was recorded from the real service."""
    jitter_ms: int = 0
    """Longest random delay of a delta; the order is kept."""
    interrupt_after_ms: tuple[float, float] = (40.0, 240.0)
    """Shortest and longest time from the first delta to speech_started. They differ by a whole
    delta, so that an interruption meets a delta at any place."""
    late_deltas: int = 0
    """Deltas of the cancelled answer that are written after speech_started."""
    late_gap_ms: int = 50
    """Time between late deltas; the first follows speech_started at once."""
    busy_processes: int = 0
    """Number of processes that compute without pause beside the client."""
    gil_holding_tool: bool = False
    """Whether the model calls, in each answer, a function that holds its interpreter for 300 ms."""
    unread_ms: int = 0
    """Time after speech_started until which the service reads nothing, from the first delta on.
    Meanwhile the model calls functions whose results fill what lies between client and service.
    0: the service always reads."""
    records: bool = False
    """Whether the client records the conversation (`--record`)."""
    user_blocks: bool = False
    """Whether the client is used as a library, by a program whose event loop is blocked for 300 ms
    by each event. No other client is measured beside it: it has no such user."""
    ears: bool = False
    """Whether the ears listen, as beside a sound card; the microphone passes through them."""
    shows_screen: bool = False
    """Whether the client is the command line on a terminal, with its live screen. No other client
    is measured beside it: it has no such screen."""
    rest_ms: int = 0
    """Additional silence at the end of a turn."""

    @property
    def late_ms(self) -> int:
        """Return the time from speech_started to the last late delta."""
        return max(0, self.late_deltas - 1) * self.late_gap_ms

    def cycle_ms(self, drain_ms: int, frame_ms: int) -> int:
        """Return the time from one turn to the next, in whole frames.

        The answer has been silent for a while when the next turn begins.

        :param drain_ms: how long a client may go on sounding after the last event of a turn.
        :param frame_ms: of the client's microphone frames.
        """
        turn_ms = PAUSE_MS[1] + self.interrupt_after_ms[1] + max(self.late_ms, self.unread_ms)
        return math.ceil((turn_ms + drain_ms + self.rest_ms) / frame_ms) * frame_ms

    def delta_delay_ns(self, index: int) -> int:
        """Return when delta `index` is due after the first one, without jitter."""
        from pipeline.pcm import ms_to_ns  # imports numpy, and `--help` reads SCENARIOS

        return ms_to_ns(index * self.delta_ms / self.speed)


QUIET = Scenario("quiet", "one answer at a time, and nothing else happens")
LATE_DELTAS = Scenario(
    "late-deltas",
    "two deltas of the cancelled answer, 200 ms each, arrive after the interruption",
    late_deltas=2,
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
    "short deltas arrive hardly faster than they are played, each up to 40 ms late",
    delta_ms=100,
    speed=1.3,
    jitter_ms=40,
    interrupt_after_ms=(250.0, 350.0),
)
UPLINK = Scenario(
    "uplink",
    "the service reads nothing around each interruption, while results of functions are due",
    unread_ms=150,
    rest_ms=150,
)

RECORDING = Scenario("recording", "the client records the conversation", records=True)

SCREEN = Scenario(
    "screen",
    "the command line shows its live screen on a terminal, and records the conversation",
    records=True,
    shows_screen=True,
)

LIBRARY = Scenario(
    "library",
    "a program uses the library, and blocks its event loop for 300 ms with each event",
    user_blocks=True,
)

EARS = Scenario("ears", "the ears listen to the microphone beside what sounds", ears=True)

_ON_TERMINALS = () if sys.platform == "win32" else (SCREEN,)  # Windows has no pseudo-terminals
SCENARIOS = (
    *(QUIET, LATE_DELTAS, BURSTS, BUSY, TOOLS, JITTER, UPLINK, RECORDING),
    *_ON_TERMINALS,
    *(LIBRARY, EARS),
)
SCENARIO_NAMES = tuple(scenario.name for scenario in SCENARIOS)
