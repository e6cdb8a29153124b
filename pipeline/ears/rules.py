"""When what is heard is taken for a person who speaks: one rule for each set of parts."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.ears.blocks import ratio_db

LEAST_RISE_DB = 6.0
"""Nothing quieter is speech: earshot stays near 0.3 in the silence after a word."""
_REMEMBERED_BLOCKS = 5
_LEAST_RESIDUAL_DB = -4.0
_LEAST_BELOW_ECHO_DB = -9.0
_LEAKING_DB = -12.0
"""Of the residual: a person whose voice is this much quieter than the echo is still looked for."""
_NONE_DB = -100.0
_ECHO_BLOCKS = 15
_RESIDUAL_BLOCKS = 3


class Evidence(NamedTuple):
    """Highest values of the latest 50 ms."""

    silero: float
    """On the linear canceller's output."""
    silero_lowest: float
    """The lowest value of the same time."""
    voice: float
    """Of the latest block alone: Silero's, or earshot's without Silero."""
    earshot: float
    """On the suppressor's output."""
    rise_db: float
    """The level of the suppressor's output above its noise floor."""
    residual_db: float
    """The level of the linear canceller's output relative to the loudest echo of 150 ms: what leaks
    is far below the echo."""


Rule = Callable[[Evidence], bool]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one set of parts."""

    ordinary: Rule
    strict: Rule
    """Until the cancellers have settled."""
    headphones: Rule
    """Without an echo, on the raw microphone."""


def rules_for(*, suppressor: bool, silero: bool, earshot: bool) -> Rules:
    """Return the rules for the parts that exist."""
    if not silero:
        return _WITHOUT_SILERO if suppressor and earshot else _SERVICE_ALONE
    if not suppressor:
        return _WITHOUT_SUPPRESSOR
    return _COMPLETE if earshot else _WITHOUT_EARSHOT


class RecentEvidence:
    """Collects the values of single blocks.

    :ivar voice: see `Evidence`.
    """

    def __init__(self) -> None:
        self.voice = 0.0
        self._silero = deque([0.0] * _REMEMBERED_BLOCKS, _REMEMBERED_BLOCKS)
        self._earshot = deque([0.0] * _REMEMBERED_BLOCKS, _REMEMBERED_BLOCKS)
        self._rise_db = deque([0.0] * _REMEMBERED_BLOCKS, _REMEMBERED_BLOCKS)
        self._residual_db = deque([_NONE_DB] * _REMEMBERED_BLOCKS, _REMEMBERED_BLOCKS)
        self._residual_powers = deque([0.0] * _RESIDUAL_BLOCKS, _RESIDUAL_BLOCKS)
        self._echo_powers = deque([0.0] * _ECHO_BLOCKS, _ECHO_BLOCKS)

    def add_suppressed(self, earshot: float, rise_db: float) -> None:
        self._earshot.append(earshot)
        self.voice = earshot
        self._rise_db.append(rise_db)

    def add_residual(self, residual_power: float, echo_power: float) -> None:
        self._residual_powers.append(residual_power)
        self._echo_powers.append(echo_power)
        residual = sum(self._residual_powers) / _RESIDUAL_BLOCKS
        self._residual_db.append(ratio_db(residual, max(self._echo_powers)))

    def add_silero(self, silero: float) -> None:
        self._silero.append(silero)
        self.voice = silero

    @property
    def rise_db(self) -> float:
        return max(self._rise_db)

    @property
    def leaves_more_than_leaks(self) -> bool:
        """Whether the linear canceller leaves more of the latest block than it does of an echo."""
        return self._residual_db[-1] >= _LEAKING_DB

    def summary(self) -> Evidence:
        return Evidence(
            max(self._silero),
            min(self._silero),
            self.voice,
            max(self._earshot),
            self.rise_db,
            max(self._residual_db),
        )


def never(_: Evidence) -> bool:
    """The parts cannot tell a person from the echo."""
    return False


def _loud(evidence: Evidence) -> bool:
    return evidence.rise_db >= LEAST_RISE_DB


def _no_leak(evidence: Evidence) -> bool:
    return _loud(evidence) and evidence.residual_db >= _LEAST_RESIDUAL_DB


def _probable(evidence: Evidence) -> bool:
    if not _no_leak(evidence):
        return _sure_below_echo(evidence)
    # The canceller may lose the echo for a moment, at a sound that it has not learnt yet.
    surely_near = evidence.residual_db >= -2 or evidence.earshot >= 0.5
    return evidence.silero >= 0.5 and evidence.earshot >= 0.35 and surely_near


def _sure_below_echo(evidence: Evidence) -> bool:
    """A person over a loud answer: what is left may be a leak by its level, but by nothing else."""
    loud = evidence.rise_db >= 20 and evidence.residual_db >= _LEAST_BELOW_ECHO_DB
    return loud and evidence.silero >= 0.9 and evidence.earshot >= 0.5


def _probable_and_loud(evidence: Evidence) -> bool:
    return evidence.silero >= 0.5 and evidence.rise_db >= 20 and _no_leak(evidence)


def _sure_and_loud(evidence: Evidence) -> bool:
    return evidence.silero >= 0.9 and evidence.rise_db >= 20 and evidence.residual_db >= 0


def _sure_for_50_ms(evidence: Evidence) -> bool:
    return evidence.silero_lowest >= 0.9 and _no_leak(evidence)


def _silero_alone(evidence: Evidence) -> bool:
    return evidence.silero >= 0.5 and _loud(evidence)


def _earshot_alone(evidence: Evidence) -> bool:
    return evidence.earshot >= 0.5 and _loud(evidence)


def _earshot_sure_and_loud(evidence: Evidence) -> bool:
    return evidence.earshot >= 0.9 and evidence.rise_db >= 20 and _no_leak(evidence)


_COMPLETE = Rules(_probable, _sure_and_loud, _silero_alone)
_WITHOUT_EARSHOT = Rules(_probable_and_loud, _sure_and_loud, _silero_alone)
_WITHOUT_SUPPRESSOR = Rules(_sure_for_50_ms, never, _silero_alone)
_WITHOUT_SILERO = Rules(_earshot_alone, _earshot_sure_and_loud, _earshot_alone)
_SERVICE_ALONE = Rules(never, never, never)
