"""What `turn_detection` wants from the words of a turn, beside its sound."""

from dataclasses import dataclass

from pipeline.emulator.turns.utterance import Doubt
from pipeline.emulator.wire.events import Event

_TIMEOUT_MS = 1_000
"""Default of `end_of_utterance_detection.timeout_ms`."""

_LEVELS = {"low": Doubt.HANGING, "medium": Doubt.OPENING, "high": Doubt.FRAGMENT}
"""`threshold_level`: the lower it is, the sooner a sentence counts as complete."""

_EAGERNESS = {
    "low": (Doubt.FRAGMENT, 8_000),
    "medium": (Doubt.OPENING, 4_000),
    "high": (Doubt.HANGING, 2_000),
}
"""`eagerness` of `semantic_vad`: the least doubt that makes it wait, and the longest wait in ms."""


@dataclass(frozen=True, slots=True)
class Semantics:
    """The default is detection by sound alone."""

    waits_from: Doubt | None = None
    """The least doubt about the end of an utterance that grants more time; None: grant none."""
    patience_ms: int = 0
    """How much more time is granted."""
    ignores_fillers: bool = False
    """Whether an "uh-huh" during an answer is ignored."""

    @property
    def asks_for_words(self) -> bool:
        """Whether the words are needed to decide on the end of a turn."""
        return self.waits_from is not None and self.patience_ms > 0

    def wants_more_time(self, doubt: Doubt) -> bool:
        return self.waits_from is not None and doubt >= self.waits_from


def semantics(turn_detection: Event | None) -> Semantics:
    """Return what a checked `turn_detection` asks for."""
    rules = turn_detection or {"type": "none"}
    if rules["type"] == "semantic_vad":
        eagerness = rules.get("eagerness")
        waits_from, patience_ms = _EAGERNESS.get(eagerness or "medium", _EAGERNESS["medium"])
        return Semantics(waits_from, patience_ms, ignores_fillers=True)
    by_words = rules.get("end_of_utterance_detection")
    azure = rules["type"].startswith("azure_semantic_vad")
    if not by_words and not azure:
        return Semantics()
    by_words = by_words or {}
    level = by_words.get("threshold_level") or "default"
    timeout_ms = by_words.get("timeout_ms")
    return Semantics(
        _LEVELS.get(level, Doubt.OPENING),
        _TIMEOUT_MS if timeout_ms is None else round(timeout_ms),
        ignores_fillers=azure and rules.get("remove_filler_words") is not False,
    )
