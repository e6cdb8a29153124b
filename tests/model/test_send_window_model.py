"""Any order of speech, sending, events and losses: each turn is taken by one session, exactly once.

The service here does what the real one does: it finds turns in the sound of its own session, in
audio time, and its events arrive late and in order, or never if the session is lost before.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network.events import (
    AudioDelta,
    Event,
    ResponseCreated,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    Unhandled,
    UserTranscript,
)
from pipeline.network.send_window import SendWindow
from pipeline.pcm import SAMPLE_RATE_HZ

MS = 24  # samples
FRAME_SAMPLES = 200 * MS
PONG_S = 1.0
DETECTION, PADDING, SILENCE = 200 * MS, 300 * MS, 300 * MS
LATE_WORDS = 3_000 * MS
_names = count()


@dataclass(eq=False)
class Turn:
    """What the user said, and how the service shows that it has understood it."""

    start: int
    end: int
    signs: str
    """w: its words; W: the same, but late; r: a response is created; a: its audio begins."""
    taken: int = 0
    """Sessions of which the client knows that they have taken it."""


@dataclass
class Session:
    """The service's side: what it has received, and its events that are still under way."""

    turns: list[Turn]
    begin: int | None = None
    end: int = 0
    previous_end: int = 0
    open: tuple[Turn, str] | None = None
    done: list[Turn] = field(default_factory=list)
    unsaid: deque[tuple[Turn, str]] = field(default_factory=deque)
    under_way: deque[tuple[float, Event, Turn | None]] = field(default_factory=deque)

    def receive(self, start: int, end: int, now_s: float) -> None:
        if self.begin is None:
            self.begin = self.end = self.previous_end = start
        assert start == self.end, "every sample once, in order"
        self.end = end
        for turn in self.turns:
            if turn.end > self.begin and turn not in self.done:
                self._hear(turn, now_s)
        while self.unsaid and self.end >= self.unsaid[0][0].end + LATE_WORDS:
            self._say(now_s)

    def _hear(self, turn: Turn, now_s: float) -> None:
        begin = self.begin or 0
        if self.end > turn.start:
            assert begin <= turn.start, "the beginning of the turn is missing"
            assert not turn.taken, "the turn is heard again"
        if self.open is None and self.end >= min(turn.start + DETECTION, turn.end):
            item = f"item_{next(_names)}"
            self.open = (turn, item)
            start = max(self.previous_end, turn.start - PADDING)
            self._emit(now_s, turn, SpeechStarted(item, (start - begin) // MS))
        if self.open is not None and self.open[0] is turn and self.end >= turn.end + SILENCE:
            self._finish(*self.open, now_s)

    def _say(self, now_s: float) -> None:
        turn, item = self.unsaid.popleft()
        self._emit(now_s, turn, UserTranscript("Words.", item))

    def _finish(self, turn: Turn, item: str, now_s: float) -> None:
        self.open = None
        self.done.append(turn)
        self.previous_end = turn.end + SILENCE
        end_ms = (self.previous_end - (self.begin or 0)) // MS
        self._emit(now_s, turn, SpeechStopped(item, end_ms), TurnCommitted(item))
        while self.unsaid:  # the words of a turn come before the next one is answered
            self._say(now_s)
        response = f"resp_{next(_names)}"
        for sign in turn.signs:
            match sign:
                case "w":
                    self._emit(now_s, turn, UserTranscript("Words.", item))
                case "W":
                    self.unsaid.append((turn, item))
                case "r":
                    self._emit(now_s, turn, ResponseCreated(response))
                case "a":
                    self._emit(now_s, turn, AudioDelta(response, "answer", b""))

    def pong(self, now_s: float) -> None:
        self.under_way.append((now_s, Unhandled(), None))

    def _emit(self, now_s: float, turn: Turn, *events: Event) -> None:
        self.under_way += [(now_s, event, turn) for event in events]


class World:
    """A user, a client and a service that may be lost at any moment."""

    def __init__(self) -> None:
        self.window = SendWindow()
        self.now_s = 0.0
        self.written = 0
        self.turns: list[Turn] = []
        self.session = Session(self.turns)
        self.taken: list[Turn] = []
        self.flows = True

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s // PONG_S > (self.now_s - seconds) // PONG_S:
            self.session.pong(self.now_s)
        assert 0 <= self.window.released <= self.window.sent <= self.written

    def capture(self, frames: int) -> None:
        """Let time pass, and send what is captured if the connection takes it."""
        for _ in range(frames):
            self.written += FRAME_SAMPLES
            self.pass_time(FRAME_SAMPLES / SAMPLE_RATE_HZ)
            if self.flows:
                self.send_all()

    def speak(self, story: "Story") -> None:
        """Say something, after a pause that no service takes for a part of the turn before."""
        earliest = self.turns[-1].end + SILENCE + PADDING if self.turns else 0
        start = max(self.written, earliest) + story.pause_ms * MS
        end = start + story.speech_ms * MS
        self.turns.append(Turn(start, end, story.signs))
        self.capture((self.turns[-1].end - self.written) // FRAME_SAMPLES + 1)

    def send_all(self) -> None:
        window = self.window
        while window.sent < self.written:
            start = window.sent
            end = (start // FRAME_SAMPLES + 1) * FRAME_SAMPLES
            window.append(start, end, self.now_s)
            self.session.receive(start, end, self.now_s)

    def deliver(self, most: int = 1) -> None:
        """Let the oldest events arrive."""
        under_way = self.session.under_way
        for _ in range(min(most, len(under_way))):
            sent_s, event, turn = under_way.popleft()
            if isinstance(event, Unhandled):
                self.window.release_reported(sent_s)
            self.window.receive(event)
            shown = isinstance(event, UserTranscript | AudioDelta)
            if turn is not None and shown and turn not in self.taken:
                turn.taken += 1
                self.taken.append(turn)

    def lose(self) -> None:
        self.window.end_session()
        self.session = Session(self.turns)

    def settle(self) -> None:
        """Nothing is lost any more."""
        self.flows = True
        self.capture(25)
        self.deliver(len(self.session.under_way))

    def act(self, story: "Story") -> None:
        """Let the user speak and the events come, and something happen then."""
        if self.written - self.window.released > LONGEST_KEPT:
            self.settle()
        self.speak(story)
        self.capture(story.frames_before)
        self.deliver(story.delivered)
        self.capture(story.frames_after)
        match story.fate:
            case "lose":
                self.lose()
            case "congest" | "flow":
                self.flows = story.fate == "flow"


@dataclass(frozen=True)
class Story:
    """A turn of the user, and what becomes of it."""

    pause_ms: int
    speech_ms: int
    signs: str
    frames_before: int
    delivered: int
    frames_after: int
    fate: str


LONGEST_KEPT = 30 * SAMPLE_RATE_HZ
FRAMES = st.one_of(st.integers(0, 5), st.integers(0, 60))
STORIES = st.builds(
    Story,
    st.integers(0, 3_000),
    st.one_of(st.integers(250, 1_500), st.integers(250, 15_000)),
    st.sampled_from(["wra", "rwa", "raw", "w", "ra", "W", "raW"]),
    FRAMES,
    st.integers(0, 20),
    FRAMES,
    st.sampled_from(["lose", "lose", "go on", "congest", "flow"]),
)


@settings(max_examples=200)
@given(st.lists(STORIES, min_size=1, max_size=6))
def test_each_turn_is_taken_exactly_once_and_in_order(stories: list[Story]) -> None:
    world = World()
    for story in stories:
        world.act(story)
    world.settle()
    assert [turn.taken for turn in world.turns] == [1] * len(world.turns)
    assert world.taken == world.turns
    assert not world.window.lost_samples
    assert world.window.released >= world.turns[-1].end
