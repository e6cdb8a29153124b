"""Which microphone samples a session is still to be sent, and which are done with; free of I/O.

Positions count the samples that capture has published, over all sessions:

    ───── released ────────────── sent ─────────── written ──▶
    done with     │ kept, in case   │ to be sent   │ not captured yet
                  │ the session ends│              │

A session that ends takes along what it heard, so the next one is sent everything from `released`
on. A turn of the user is released when the next session can do without its sound: its words are
known, so they can be told as text, or an answer to it has begun to sound. The end of a turn can lie
inside a frame; the next session is sent that frame from there on, so that no turn is heard twice.

Sound without a turn is released once the service has answered a ping that was sent `UNREPORTED_S`
after it: a report of speech in it would have arrived before the answer. The service works in audio
time, so nothing but time is lost by sending it late. Positions that the service states are ms of
the audio of its own session.
"""

from collections import deque
from dataclasses import dataclass

from pipeline.network.events import (
    AudioBufferCleared,
    AudioDelta,
    Event,
    ResponseCreated,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    UserTranscript,
)
from pipeline.pcm import SAMPLE_RATE_HZ, ms_to_samples

BEFORE_TURN_SAMPLES = ms_to_samples(500)
"""Sound kept from before a turn, in addition to the service's own prefix padding: speech detection
starts anew in the next session, and hears better what it has heard begin."""


@dataclass(slots=True)
class _UserTurn:
    """A turn whose sound is kept."""

    item_id: str
    start: int
    end: int | None = None
    """None while it goes on, or if the service did not say where it ended."""
    committed: bool = False


class SendWindow:
    """Decides what is sent, kept and released.

    :ivar released: everything before it is done with, for this session and the next.
    :ivar sent: everything before it was sent to this session, or is done with.
    :ivar lost_samples: speech or unsent sound that was given up because of `KEPT_S`.
    :ivar processed_s: when the service is expected to have worked through what it was sent.
    :ivar latest_turn_start: where the latest turn begins that any session has reported. The next
        session hears it again unless more than that is released.
    """

    KEPT_S = 60
    """Longest sound that is kept. The oldest is given up then."""

    UNREPORTED_S = 3.0
    """Several times as long as the service takes to report speech that it has received: about 1 s
    where it waits for words, so that a filler does not interrupt an answer."""

    CATCH_UP_SPEED = 2.0
    """How many times faster than real time the service is expected to work through sound that was
    sent to it all at once."""

    _MARK_S = 1.0

    def __init__(self, released: int = 0) -> None:
        self.released = self.sent = released
        self.lost_samples = 0
        self.latest_turn_start = -1
        self._ever_sent = released
        self._appended = 0
        self._turns: list[_UserTurn] = []
        self._answer: tuple[str, _UserTurn] | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self.processed_s = 0.0

    @property
    def turn_open(self) -> bool:
        """Whether the service has reported speech that it has not committed."""
        return not all(turn.committed for turn in self._turns)

    @property
    def keeps_turn(self) -> bool:
        """Whether the next session is to be sent a turn that this one has reported."""
        return bool(self._turns)

    def append(self, start: int, end: int, now_s: float) -> None:
        """Sound from `start`, which was `sent`, to `end` was sent to this session."""
        samples = end - start
        self._appended += samples
        self.sent = max(self.sent, end)  # `limit` may have gone beyond while it was being sent
        speed = self.CATCH_UP_SPEED * SAMPLE_RATE_HZ
        self.processed_s = max(now_s, self.processed_s) + samples / speed
        if not self._marks or self.processed_s - self._marks[-1][0] >= self._MARK_S:
            self._marks.append((self.processed_s, end))

    def skip(self, position: int) -> None:
        """What lies before `position` and was not sent is not to be sent."""
        self.sent = max(self.sent, position)
        self._release(position)

    def begin_turn(self, position: int) -> None:
        """A turn begins that the program marks: it is kept until it is answered."""
        self.skip(position)
        self._begin_turn("", position)

    def receive(self, event: Event) -> None:
        """React to an event of this session's service."""
        match event:
            case SpeechStarted(item_id, start_ms):
                self._begin_turn(item_id, self.position(start_ms))
            case SpeechStopped(item_id, end_ms):
                self._end_turn(item_id, self.position(end_ms))
            case TurnCommitted(item_id):
                self._commit(item_id)
            case AudioBufferCleared():
                self._clear()
            case UserTranscript(text, item_id):
                if text.strip() and (turn := self._find(item_id)):
                    self._settle(turn)
            case ResponseCreated(response_id):
                committed = [turn for turn in self._turns if turn.committed]
                self._answer = (response_id, committed[-1]) if committed else None
            case AudioDelta(response_id):
                if self._answer is not None and self._answer[0] == response_id:
                    self._settle(self._answer[1])
                    self._answer = None

    def release_reported(self, pinged_s: float) -> None:
        """Release sound without a turn: the service has answered a ping that was sent then."""
        self.release_heard_before(pinged_s - self.UNREPORTED_S)

    def release_heard_before(self, time_s: float) -> None:
        """Release sound without a turn that the service has worked through before `time_s`."""
        while self._marks and self._marks[0][0] <= time_s:
            self._release(self._marks.popleft()[1])

    def limit(self, written: int) -> None:
        """Give up what is older than `KEPT_S` when everything before `written` is captured."""
        oldest = written - self.KEPT_S * SAMPLE_RATE_HZ
        if oldest <= self.released:
            return
        self.lost_samples += max(0, oldest - max(self.sent, self._ever_sent))
        self.released = oldest
        self.sent = max(self.sent, oldest)
        self._turns = [turn for turn in self._turns if turn.end is None or turn.end > oldest]

    def settle_committed(self) -> None:
        """Release the turns that the service has committed: no answer to them is to come."""
        for turn in [turn for turn in self._turns if turn.committed]:
            self._settle(turn)

    def end_session(self) -> None:
        """The session is over: what is not released is sent to the next one."""
        open_turns = [turn for turn in self._turns if not turn.committed]
        if open_turns:
            self.lost_samples += max(0, self.released - open_turns[0].start)
        self._ever_sent = max(self._ever_sent, self.sent)
        self.sent = self.released
        self._appended = 0
        self._turns.clear()
        self._answer = None
        self._marks.clear()
        self.processed_s = 0.0

    def position(self, session_ms: int | None) -> int | None:
        """Return where something is that the service places in the audio of its session."""
        if session_ms is None:
            return None
        position = self.sent - self._appended + ms_to_samples(session_ms)
        return min(max(position, self.released), self.sent)

    def _begin_turn(self, item_id: str, start: int | None) -> None:
        earliest = self.released
        if self._turns:
            last = self._turns[-1]
            if last.end is None:
                last.end = self.sent if start is None else start
            earliest = last.end
        start = earliest if start is None else max(earliest, start - BEFORE_TURN_SAMPLES)
        self._add_turn(item_id, start)
        self._release(start)

    def _add_turn(self, item_id: str, start: int) -> _UserTurn:
        turn = _UserTurn(item_id, start)
        self._turns.append(turn)
        self.latest_turn_start = start
        return turn

    def _end_turn(self, item_id: str, end: int | None) -> None:
        turn = self._find(item_id)
        if turn is not None and end is not None and end > turn.start:
            turn.end = end

    def _commit(self, item_id: str) -> None:
        """Without a stated end, the turn is all that the service was sent."""
        turn = self._oldest_marked() or self._find(item_id) or self._find("")
        if turn is None or turn.committed:
            turn = self._add_turn(item_id, self.released)
        turn.item_id = item_id
        if turn.end is None:
            turn.end = self.sent
        turn.committed = True

    def _clear(self) -> None:
        """The service has dropped what it had not committed: one marked turn, if they are marked.

        The next one may have begun since it was asked to.
        """
        if marked := self._oldest_marked():
            self._turns.remove(marked)
        else:
            self._turns = [turn for turn in self._turns if turn.committed]
        self._release(self.sent)

    def _oldest_marked(self) -> _UserTurn | None:
        """Return the turn that the service has to commit next, if the program marks turns."""
        waiting = (turn for turn in self._turns if not turn.committed and not turn.item_id)
        return next(waiting, None)

    def _find(self, item_id: str) -> _UserTurn | None:
        """Return the turn with this id; without an id, the latest."""
        found = [turn for turn in self._turns if not item_id or turn.item_id == item_id]
        return found[-1] if found else None

    def _settle(self, turn: _UserTurn) -> None:
        """Release a turn, and everything before it: turns are taken in order."""
        if turn not in self._turns:
            return
        end = self.sent if turn.end is None else turn.end
        self._turns = self._turns[self._turns.index(turn) + 1 :]
        self._release(end)

    def _release(self, position: int) -> None:
        """Release what lies before `position`, but for turns that are kept."""
        kept = self._turns[0].start if self._turns else self.sent
        self.released = max(self.released, min(position, kept, self.sent))
