"""Any order of events, periods and looks: the conversation against a service and a loudspeaker.

The loudspeaker here does what the player does: it notices a generation at the start of a period,
lets a few stale samples fade out, and skips the rest. What it really sounded is the truth that
every correction is measured by.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.ipc.events import Ready
from pipeline.network.actions import (
    Action,
    CreateResponse,
    DeleteItem,
    EndItem,
    Interrupt,
    QueueAudio,
    Truncate,
)
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
)
from pipeline.network.floor import Floor

FADE = 48
MS = 24  # samples


@dataclass
class Item:
    """An item as the service sees it, and what became of it."""

    item_id: str
    sent: bytes = b""
    queued_samples: int = 0
    begun_in: int | None = None
    heard_samples: int = 0
    corrections: int = 0
    orphan: bool = False

    @property
    def sent_samples(self) -> int:
        return len(self.sent) // 2


@dataclass
class Response:
    response_id: str
    items: list[Item] = field(default_factory=list)
    live: bool = True


class Loudspeaker:
    """The ring and the player: frames in, what was heard and the latest cut out."""

    def __init__(self) -> None:
        self.generation = 0
        self.noticed = 0
        self.position = (0, 0)
        self.reported = (0, 0)
        self.cut = (0, 0, 0)
        self.items: dict[int, Item] = {}
        self._frames: deque[QueueAudio | EndItem] = deque()
        self._taken_samples = 0

    def queue(self, frame: QueueAudio | EndItem) -> None:
        self._frames.append(frame)

    def period(self, samples: int, fade: int) -> None:
        if self.noticed != self.generation:
            self._take(fade)
            self.noticed = self.generation
            self.cut = (self.generation, *self.position)
            self._taken_samples = 0
            while self._frames and self._frames[0].generation < self.generation:
                self._frames.popleft()
        self._take(samples)

    @property
    def waiting(self) -> bool:
        return self.noticed != self.generation or bool(self._frames)

    def _take(self, samples: int) -> None:
        while self._frames and self._frames[0].generation == self.noticed:
            frame = self._frames[0]
            length = len(frame.pcm) // 2 if isinstance(frame, QueueAudio) else 0
            if length and not samples:
                return
            count = min(length - self._taken_samples, samples)
            samples -= count
            item = self.items.setdefault(frame.item, Item("half a sample"))
            assert frame.offset_samples + self._taken_samples == item.heard_samples, (
                "once, in order"
            )
            item.heard_samples += count
            self._taken_samples += count
            self.position = (frame.item, item.heard_samples)
            if self._taken_samples == length:
                self._frames.popleft()
                self._taken_samples = 0


class World:
    """A service, a user and a loudspeaker around a conversation.

    A step that is not possible does nothing.
    """

    def __init__(self, *, interrupt_response: bool) -> None:
        self.conversation = Conversation(interrupt_response=interrupt_response)
        self.loudspeaker = Loudspeaker()
        self.responses: list[Response] = []
        self.settled_generation = 0
        self.a_cut_went_unseen = False
        self.user_speaks = False
        self.bytes_sent = 0
        self.latest_begun: Item | None = None
        self.now_s = 0.0
        self.ready_due = False
        self.unsent: list[CreateResponse] = []

    @property
    def live_responses(self) -> list[Response]:
        return [response for response in self.responses if response.live]

    @property
    def items(self) -> list[Item]:
        return [item for response in self.responses for item in response.items]

    # Steps; `n` makes every choice

    def speech(self, _n: int) -> None:
        self.user_speaks = not self.user_speaks
        self.ready_due |= self.user_speaks
        self.receive(SpeechStarted() if self.user_speaks else SpeechStopped())

    def turn_without_answer(self, n: int) -> None:
        """A filler word, or speech that could not be transcribed: the service creates nothing."""
        self.ready_due = True
        self.receive(SpeechStarted())
        self.receive(SpeechStopped())
        if n % 2:
            self.receive(UserTranscript(""))
        self.user_speaks = False

    def time(self, n: int) -> None:
        self.now_s += n / 1_000
        self.perform(self.conversation.tick(self.now_s))

    def sending(self, _n: int) -> None:
        """The uplink has room: the oldest request is sent, if it is due."""
        if self.unsent:
            self.conversation.release(self.unsent.pop(0))

    def creation(self, _n: int) -> None:
        if len(self.live_responses) < 3:
            self.responses.append(Response(f"r{len(self.responses)}"))
            self.ready_due = True
            self.receive(ResponseCreated(self.responses[-1].response_id))

    def delta(self, n: int) -> None:
        """Up to 1500 samples, half ones included, of any live response's first or second item."""
        for response in self.chosen(self.live_responses, n):
            index = min(n // 10 % 2, len(response.items))
            if index == len(response.items):
                response.items.append(Item(f"{response.response_id}_i{index}"))
            item = response.items[index]
            if self.may_go_on(item):
                pcm = bytes((self.bytes_sent + k) % 251 for k in range(n))
                self.bytes_sent += n
                item.sent += pcm
                self.receive(AudioDelta(response.response_id, item.item_id, pcm), item)

    def item_end(self, n: int) -> None:
        for response in self.chosen(self.live_responses, n):
            for item in response.items[-1:]:
                self.receive(AudioDone(response.response_id, item.item_id))

    def response_end(self, n: int) -> None:
        for response in self.chosen(self.live_responses, n):
            response.live = False
            status = ("completed", "cancelled", "completed", "failed", "incomplete")[n // 10 % 5]
            self.receive(ResponseDone(response.response_id, status, ""))

    def very_late_delta(self, n: int) -> None:
        for response in self.chosen([r for r in self.responses if not r.live], n):
            actions = self.conversation.receive(AudioDelta(response.response_id, "x", b"1234"))
            assert not [
                a for a in actions if isinstance(a, QueueAudio | Interrupt | Truncate | DeleteItem)
            ]

    def period(self, n: int) -> None:
        before = self.loudspeaker.cut
        self.loudspeaker.period(1 + n, min(n, FADE))
        if self.loudspeaker.cut != before and before[0] != self.settled_generation:
            self.a_cut_went_unseen = True
        if n % 3:  # else it is still in the device
            self.loudspeaker.reported = self.loudspeaker.position

    def look(self, _n: int = 0) -> None:
        """The network process reads playback's words."""
        if self.settled_generation == self.conversation.generation:
            self.perform(self.conversation.heard(*self.loudspeaker.reported))
        elif self.loudspeaker.cut[0] == self.conversation.generation:
            self.settled_generation = self.conversation.generation
            self.perform(self.conversation.cut_settled(*self.loudspeaker.cut))

    def loss(self, _n: int) -> None:
        """The session breaks off, and another takes its place."""
        self.perform(self.conversation.session_lost())
        self.ready_due = True
        self.unsent.clear()
        assert not self.conversation.idle
        for response in self.responses:
            response.live = False
        for item in self.items:
            item.orphan = True
        self.user_speaks = False
        self.perform(self.conversation.session_resumed())

    def chosen(self, responses: list[Response], n: int) -> list[Response]:
        """One of them, mostly the latest; none of none."""
        return responses[-1 - n % 10 % len(responses) :][:1] if responses else []

    def may_go_on(self, item: Item) -> bool:
        """The service never returns to an item after it has begun to send the next one."""
        if item.begun_in is None:
            item.begun_in = self.loudspeaker.generation
            self.latest_begun = item
        return item is self.latest_begun or item.begun_in < self.loudspeaker.generation

    # What must hold

    def receive(self, event: Event, item: Item | None = None) -> None:
        self.perform(self.conversation.receive(event), item)

    def perform(self, actions: list[Action], item: Item | None = None) -> None:
        for action in actions:
            match action:
                case QueueAudio():
                    assert item is not None
                    self.play(action, item)
                case EndItem():
                    assert action.generation == self.loudspeaker.generation
                    self.loudspeaker.queue(action)
                case Interrupt(generation):
                    assert action is actions[0], "nothing is done before the sound is cut"
                    assert generation == self.loudspeaker.generation + 1
                    self.loudspeaker.generation = generation
                case Truncate(item_id, audio_end_ms):
                    assert audio_end_ms > 0
                    self.correct(item_id, audio_end_ms)
                case DeleteItem(item_id):
                    self.correct(item_id, 0)
                case Ready():
                    assert self.conversation.idle
                    assert self.ready_due
                    self.ready_due = False
                case CreateResponse():
                    self.unsent.append(action)

    def play(self, play: QueueAudio, item: Item) -> None:
        assert play.generation == self.loudspeaker.generation, "nothing stale is queued"
        assert play.offset_samples == item.queued_samples
        start = 2 * play.offset_samples
        assert play.pcm
        assert play.pcm == item.sent[start : start + len(play.pcm)]
        item.queued_samples += len(play.pcm) // 2
        assert self.loudspeaker.items.setdefault(play.item, item) is item
        self.loudspeaker.queue(play)

    def correct(self, item_id: str, heard_ms: int) -> None:
        item = next(i for i in self.items if i.item_id == item_id)
        assert not item.orphan, "its session is gone"
        item.corrections += 1
        assert item.corrections == 1
        assert heard_ms * MS <= item.sent_samples
        assert heard_ms <= item.heard_samples // MS, "never more than was heard"
        if not self.a_cut_went_unseen:
            assert heard_ms == item.heard_samples // MS
            assert item.heard_samples < item.sent_samples

    def end(self) -> None:
        """In the end everything is heard or corrected, and all comes to rest by itself."""
        for response in self.live_responses:
            response.live = False
            self.receive(ResponseDone(response.response_id, "completed", ""))
        if self.user_speaks:
            self.speech(0)
        while self.loudspeaker.waiting:
            self.period(100_000)
        self.loudspeaker.reported = self.loudspeaker.position
        self.look()
        self.look()
        for _ in range(3):  # a turn without an answer, then a request that the service ignores
            self.rest()
        assert self.conversation.idle
        assert not self.ready_due, "Ready has been reported"
        assert not self.unsent
        for item in self.items:
            if item.heard_samples < item.sent_samples and not item.orphan:
                assert item.corrections == 1, "the model must not remember what was not heard"
            elif not self.a_cut_went_unseen and not item.orphan:
                assert item.corrections == 0

    def rest(self) -> None:
        """Long enough for an answer to begin, and none does."""
        while self.unsent:
            self.sending(0)
        self.time(0)
        self.time(round(1_000 * Floor.ANSWER_WITHIN_S))


STEPS: list[Callable[[World, int], None]] = [
    World.speech,
    World.creation,
    World.delta,
    World.delta,
    World.item_end,
    World.response_end,
    World.very_late_delta,
    World.loss,
    World.turn_without_answer,
    World.time,
    World.sending,
    World.period,
    World.period,
    World.look,
    World.look,
]


@settings(max_examples=250, phases=set(Phase) - {Phase.explain})
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3_000)), max_size=80), st.booleans()
)
def test_any_order_of_events(
    steps: list[tuple[Callable[[World, int], None], int]],
    interrupt_response: bool,
) -> None:
    world = World(interrupt_response=interrupt_response)
    for step, n in steps:
        step(world, n)
        assert world.conversation.generation == world.loudspeaker.generation
    world.end()
