"""The turns that the program marks, found in what was captured; what lies between is left out."""

from collections.abc import Callable

from pipeline.network.captured_sound import CapturedSound
from pipeline.network.send_window import SendWindow
from pipeline.network.turn_gate import KEPT_NS, MarkedTurn, TurnEnd, TurnGate
from pipeline.pcm import NS_PER_MS, SAMPLE_RATE_HZ


class MarkedTurns:
    """Says which turns a session is to be sent, and how far.

    :param prefix_ms: how long before the speech a turn begins that is marked by what is heard.
    :param on_end: told how the latest turn ended.
    """

    def __init__(
        self,
        sound: CapturedSound,
        window: SendWindow,
        prefix_ms: int,
        on_end: Callable[[TurnEnd], None],
    ) -> None:
        self._sound = sound
        self._window = window
        self._kept_ns = KEPT_NS + prefix_ms * NS_PER_MS
        self._on_end = on_end
        self._gate = TurnGate()
        self._looked_at = sound.start

    @property
    def open(self) -> bool:
        """Whether the user speaks, or what they said has not been sent to its end."""
        return self._gate.turn_open

    def begin(self, at_ns: int, *, again: bool) -> None:
        """A turn begins with what was captured from `at_ns` on."""
        self._gate.begin(at_ns, again=again)
        self._looked_at = self._window.sent  # it may lie in a frame that was looked at already

    def end(self, at_ns: int) -> None:
        """The latest turn ends with what was captured until `at_ns`."""
        self._place()
        self._gate.end(at_ns)
        self._looked_at -= SAMPLE_RATE_HZ  # as a begin, it may lie in one of these frames

    def due(self, session: int) -> list[MarkedTurn]:
        """Return the turns that `session` was not sent to their end, the oldest first."""
        self._place()
        self._forget()
        return list(self._gate.due(session))

    def begin_sending(self, turn: MarkedTurn, session: int) -> None:
        """The session is about to be sent a turn, or the rest of it."""
        if turn.start is not None and turn.begun_in < session:
            turn.begun_in = session
            self._window.begin_turn(turn.start)

    def limit(self, turn: MarkedTurn) -> int:
        """Return the position before which a turn can be sent by now."""
        return self._sound.end if turn.end is None else min(turn.end, self._sound.end)

    def note_sent(self, turn: MarkedTurn, session: int) -> None:
        """The session was told of the end of a turn."""
        turn.ended_in = session
        if turn.too_short:
            self._gate.drop(turn)
        if self._gate.is_latest(turn):
            self._on_end("too short" if turn.too_short else "sent")

    def look(self, session: int, now_ns: int) -> bool:
        """Look for turns in what was captured lately; return whether any is to be sent."""
        self._place()
        self._gate.give_up_waiting(self._sound.end, now_ns)
        self._forget()
        return self.open or any(self._gate.due(session))

    def skip_silence(self, now_ns: int) -> None:
        """Leave out what lies between turns, but for what a late begin may reach back to."""
        while (frame := self._sound.stretch(self._window.sent)) is not None:
            if frame.time_ns > now_ns - self._kept_ns:
                return
            self._window.skip(frame.end)

    def _place(self) -> None:
        """Look for the places of turns in the frames that were published since the last look."""
        self._looked_at = max(self._looked_at, self._sound.start)
        while (frame := self._sound.stretch(self._looked_at)) is not None:
            self._gate.place(frame)
            self._looked_at = frame.end

    def _forget(self) -> None:
        for turn in self._gate.forget(self._window.released):
            if turn.ended_in < 0 and self._gate.is_latest(turn):
                self._on_end("known")
