"""What the panel knows: gathered from the events and the figures of the session; free of I/O."""

from typing import NamedTuple

from pipeline.api.values import Heard, Metrics
from pipeline.console.meters import Meter
from pipeline.console.panel import PanelView, State
from pipeline.ipc.events import (
    AssistantDone,
    Connecting,
    Event,
    Interrupted,
    Levels,
    Listening,
    Opened,
    Processing,
    Ready,
    SessionReady,
    Started,
)
from pipeline.pcm import NS_PER_S
from pipeline.system.text import printable

SOUNDS_S = 0.3
"""An answer whose position has not moved for so long does not sound."""


class Figures(NamedTuple):
    """What the session tells when it is asked."""

    metrics: Metrics
    heard: Heard


class PanelModel:
    """Follows a conversation. Events bring it on, and `look` reads the figures.

    :param marks_turns: whether the person marks their turns by a key.
    :ivar muted: whether the microphone is muted.
    :ivar turn_begun: whether a turn that the person marks has begun.
    """

    def __init__(self, *, marks_turns: bool = False, hint: str = "") -> None:
        self._marks_turns = marks_turns
        self._hint = hint
        self._cards: dict[str, str] = {}
        self._opened = False
        self._connecting = False
        self._answer_due = False
        self._heard = Heard(0, 0)
        self._heard_until_s = 0.0
        self._cut_ms: float | None = None
        self._cut_due = False
        self._microphone = Meter()
        self._speaker = Meter()
        self.muted = False
        self.turn_begun = False

    @property
    def opened(self) -> bool:
        """Whether the conversation has begun."""
        return self._opened

    def answering(self, now_s: float) -> bool:
        """Whether an answer is being made or sounds."""
        return self._answer_due or now_s < self._heard_until_s

    def asked(self) -> None:
        """The person has typed a turn, and an answer is due."""
        self._answer_due = True

    def take(self, event: Event) -> None:
        """Note what an event means to the panel."""
        match event:
            case Levels(microphone, speaker):
                now_s = event.time_ns / NS_PER_S
                self._microphone.take(microphone.rms_dbfs, microphone.peak_dbfs, now_s)
                self._speaker.take(speaker.rms_dbfs, speaker.peak_dbfs, now_s)
            case Started("microphone" | "speaker" as part, facts):
                self._cards[part] = printable(facts).rsplit(": ", 1)[0]
            case Opened():
                self._opened = True
            case Connecting():
                self._connecting = True
            case SessionReady():
                self._connecting = False
            case Processing():
                self._answer_due = True
            case Listening() | Ready() | AssistantDone(cut=True):
                self._answer_due = False
            case Interrupted():
                self._answer_due = False
                self._cut_due = True

    def look(self, figures: Figures, now_s: float) -> PanelView:
        """Return what is to be seen now."""
        metrics, heard = figures
        if heard != self._heard:
            self._heard, self._heard_until_s = heard, now_s + SOUNDS_S
        if self._cut_due and metrics.cut_ms is not None:
            self._cut_ms, self._cut_due = metrics.cut_ms, False
        connected = not self._connecting and metrics.session_left_s is not None
        return PanelView(
            self._state(now_s, connected=connected),
            self.muted,
            self._microphone.bar,
            self._speaker.bar,
            tuple(self._cards[part] for part in ("microphone", "speaker") if part in self._cards),
            _whole(metrics.round_trip_ms) if connected else None,
            self._cut_ms,
            metrics.underruns,
            _coarse(metrics.session_left_s),
            self._hint,
        )

    def _state(self, now_s: float, *, connected: bool) -> State:
        if not self._opened:
            return "connecting"
        if now_s < self._heard_until_s:
            return "speaking"
        if not connected:
            return "reconnecting"
        if self._answer_due:
            return "thinking"
        return "waiting" if self._marks_turns and not self.turn_begun else "listening"


def _whole(ms: float | None) -> int | None:
    return None if ms is None else max(1, round(ms))


def _coarse(left_s: float | None) -> int | None:
    """Return whole minutes in seconds, so that the panel changes once a minute."""
    if left_s is None:
        return None
    return int(left_s) // 60 * 60 if left_s >= 60 else max(0, int(left_s))
