"""Which microphone samples leave if the program marks the turns itself; free of I/O.

    begin ──────── end          begin ─────── end
    │  sent, then committed │ skipped │ sent …

The program marks turns by time. A turn gets its place among the samples when the frames that hold
its begin and its end are published; the part of a frame that lies in the turn is sent. A turn keeps
its place until no session needs it any more, so that another session is sent it again, and is told
of its end again.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.pcm import NS_PER_S, SAMPLE_RATE_HZ, ms_to_samples

SHORTEST_SAMPLES = ms_to_samples(100)
"""Services refuse a shorter turn."""

KEPT_NS = NS_PER_S
"""How long sound outside of turns is kept: a begin that is told late may lie in it."""

END_WITHIN_NS = NS_PER_S // 2
"""A turn has ended if its last frame has not been published so long after its end."""


@dataclass(slots=True)
class MarkedTurn:
    """A turn of the user's; places are positions among all samples of the microphone."""

    begin_ns: int
    again: bool = False
    """Whether a process before this one was told of it: nothing of it may be kept any more."""
    end_ns: int | None = None
    start: int | None = None
    end: int | None = None
    begun_in: int = -1
    """Number of the session that was sent its begin."""
    ended_in: int = -1
    """Number of the session that was told of its end."""

    @property
    def too_short(self) -> bool:
        return (
            self.start is not None
            and self.end is not None
            and (self.end - self.start < SHORTEST_SAMPLES)
        )

    def is_understood(self, released: int) -> bool:
        """Whether it lies before `released`; one that was empty from the start is too short."""
        if self.start is None or self.end is None or self.end > released:
            return False
        return self.again or self.start < self.end


TurnEnd = Literal["sent", "too short", "known"]
"""How a turn ended: the service was told of its end; it is not answered; or, after the network
process was replaced, a session before has understood it already."""


class Stretch(NamedTuple):
    """A published frame: its samples from `start` to `end`, the first captured at `time_ns`."""

    start: int
    end: int
    time_ns: int

    def position(self, time_ns: int) -> int:
        """Return the position of the sample that was captured at `time_ns`, inside the frame."""
        samples = (time_ns - self.time_ns) * SAMPLE_RATE_HZ // NS_PER_S
        return min(max(self.start, self.start + samples), self.end)


class TurnGate:
    """Keeps the turns that were marked, the oldest first."""

    def __init__(self) -> None:
        self._turns: deque[MarkedTurn] = deque()

    @property
    def turn_open(self) -> bool:
        """Whether the user speaks, or what they said has not been sent to its end."""
        return any(turn.ended_in < 0 for turn in self._turns)

    def begin(self, at_ns: int, *, again: bool = False) -> None:
        """A turn begins; one that has not ended ends here."""
        self.end(at_ns)
        self._turns.append(MarkedTurn(at_ns, again))

    def end(self, at_ns: int) -> None:
        """The latest turn ends, if it has not."""
        if self._turns and self._turns[-1].end_ns is None:
            self._turns[-1].end_ns = max(at_ns, self._turns[-1].begin_ns)

    def place(self, frame: Stretch) -> None:
        """Find the places that lie in a published frame; call this for each in order."""
        for turn in self._turns:
            frame_end_ns = frame.time_ns + (frame.end - frame.start) * NS_PER_S // SAMPLE_RATE_HZ
            if turn.start is None and turn.begin_ns < frame_end_ns:
                turn.start = frame.position(turn.begin_ns)
            if turn.start is None or turn.end is not None or turn.end_ns is None:
                continue
            if turn.end_ns <= frame_end_ns:
                turn.end = max(turn.start, frame.position(turn.end_ns))

    def give_up_waiting(self, written: int, now_ns: int) -> None:
        """Let a turn end with what there is, if the microphone gives nothing any more."""
        for turn in self._turns:
            if turn.end is not None or turn.end_ns is None:
                continue
            if now_ns - turn.end_ns > END_WITHIN_NS:
                turn.start = written if turn.start is None else turn.start
                turn.end = max(turn.start, written)

    def due(self, session: int) -> Iterator[MarkedTurn]:
        """Yield the placed turns of whose end `session` has not been told."""
        return (turn for turn in self._turns if turn.start is not None and turn.ended_in < session)

    def forget(self, released: int) -> list[MarkedTurn]:
        """Drop the turns of which no session needs anything any more; returns them."""
        done = [turn for turn in self._turns if turn.is_understood(released)]
        for turn in done:
            self._turns.remove(turn)
        return done

    def drop(self, turn: MarkedTurn) -> None:
        """Forget a turn that is not to be answered."""
        self._turns.remove(turn)

    def is_latest(self, turn: MarkedTurn) -> bool:
        """Whether no other turn has begun after `turn`."""
        return not self._turns or self._turns[-1].begin_ns <= turn.begin_ns
