"""Any order of events, periods and looks: the conversation against a service and a loudspeaker.

The loudspeaker here does what the player does: it notices a generation at the start of a period,
lets a few stale samples fade out, and skips the rest. What it really sounded is the truth that
every correction is measured by.
"""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline.network.actions import Action, Cut, EndItem, Forget, Play, Truncate
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SpeechStarted,
    SpeechStopped,
)
from pipeline.reports import Ready

FADE = 48
MS = 24  # samples


@dataclass
class Item:
    """An item as the service sees it, and what became of it."""

    item_id: str
    sent: bytes = b""
    queued_samples: int = 0
    heard_samples: int = 0
    corrections: int = 0

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
        self.told = (0, 0)
        self.cut = (0, 0, 0)
        self.items: dict[int, Item] = {}
        self._frames: deque[Play | EndItem] = deque()
        self._taken_samples = 0

    def queue(self, frame: Play | EndItem) -> None:
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
            length = len(frame.pcm) // 2 if isinstance(frame, Play) else 0
            if length and not samples:
                return
            count = min(length - self._taken_samples, samples)
            samples -= count
            item = self.items[frame.item]
            assert frame.offset_samples + self._taken_samples == item.heard_samples, (
                "once, in order"
            )
            item.heard_samples += count
            self._taken_samples += count
            self.position = (frame.item, item.heard_samples)
            if self._taken_samples == length:
                self._frames.popleft()
                self._taken_samples = 0


class ConversationMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()
        self.loudspeaker = Loudspeaker()
        self.responses: list[Response] = []
        self.settled_generation = 0
        self.a_cut_went_unseen = False
        self.bytes_sent = 0

    # The service

    @rule()
    def the_user_starts_to_speak(self) -> None:
        self.receive(SpeechStarted())

    @rule()
    def the_user_stops(self) -> None:
        self.receive(SpeechStopped())

    @rule()
    def a_response_is_created(self) -> None:
        response = Response(f"r{len(self.responses)}")
        self.responses.append(response)
        self.receive(ResponseCreated(response.response_id))

    @precondition(lambda self: self.live_responses)
    @rule(data=st.data(), size=st.integers(0, 3_000), index=st.integers(0, 1))
    def a_delta_comes(self, data: st.DataObject, size: int, index: int) -> None:
        response = data.draw(st.sampled_from(self.live_responses))
        while len(response.items) <= index:
            response.items.append(Item(f"{response.response_id}_i{len(response.items)}"))
        # Audio of an item that comes before another's never arrives after that one's.
        assume(not any(later.sent for later in response.items[index + 1 :]))
        item = response.items[index]
        pcm = bytes((self.bytes_sent + n) % 251 for n in range(size))
        self.bytes_sent += size
        item.sent += pcm
        self.receive(AudioDelta(response.response_id, item.item_id, pcm), item)

    @precondition(lambda self: self.live_responses)
    @rule(data=st.data())
    def an_item_is_done(self, data: st.DataObject) -> None:
        response = data.draw(st.sampled_from(self.live_responses))
        assume(response.items)
        self.receive(AudioDone(response.response_id, response.items[-1].item_id))

    @precondition(lambda self: self.live_responses)
    @rule(
        data=st.data(),
        status=st.sampled_from(["completed", "completed", "cancelled", "failed", "incomplete"]),
    )
    def a_response_is_done(self, data: st.DataObject, status: str) -> None:
        response = data.draw(st.sampled_from(self.live_responses))
        response.live = False
        self.receive(ResponseDone(response.response_id, status, ""))

    @precondition(lambda self: self.responses)
    @rule(data=st.data())
    def a_delta_of_a_finished_response_comes(self, data: st.DataObject) -> None:
        response = data.draw(st.sampled_from(self.responses))
        assume(not response.live)
        actions = self.conversation.receive(AudioDelta(response.response_id, "late", b"1234"))
        assert not [a for a in actions if isinstance(a, Play | Cut | Truncate | Forget)]

    # The loudspeaker

    @rule(samples=st.integers(1, 2_000), fade=st.integers(0, FADE), latency=st.booleans())
    def a_period_sounds(self, samples: int, fade: int, latency: bool) -> None:
        before = self.loudspeaker.cut
        self.loudspeaker.period(samples, fade)
        if self.loudspeaker.cut != before and before[0] != self.settled_generation:
            self.a_cut_went_unseen = True
        if not latency:
            self.loudspeaker.told = self.loudspeaker.position

    @rule()
    def the_network_process_looks(self) -> None:
        if self.settled_generation == self.conversation.generation:
            self.perform(self.conversation.heard(*self.loudspeaker.told))
        elif self.loudspeaker.cut[0] == self.conversation.generation:
            self.settled_generation = self.conversation.generation
            self.perform(self.conversation.cut_done(*self.loudspeaker.cut))

    # What must hold

    def receive(self, event: Event, item: Item | None = None) -> None:
        self.perform(self.conversation.receive(event), item)

    def perform(self, actions: list[Action], item: Item | None = None) -> None:
        for action in actions:
            match action:
                case Play():
                    assert item is not None
                    self.play(action, item)
                case EndItem():
                    assert action.generation == self.loudspeaker.generation
                    self.loudspeaker.queue(action)
                case Cut(generation):
                    assert generation == self.loudspeaker.generation + 1
                    self.loudspeaker.generation = generation
                case Truncate(item_id, audio_end_ms):
                    assert audio_end_ms > 0
                    self.correct(item_id, audio_end_ms)
                case Forget(item_id):
                    self.correct(item_id, 0)
                case Ready():
                    assert self.conversation.idle

    def play(self, play: Play, item: Item) -> None:
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
        item.corrections += 1
        assert item.corrections == 1
        assert heard_ms * MS <= item.sent_samples
        assert heard_ms <= item.heard_samples // MS, "never more than was heard"
        if not self.a_cut_went_unseen:
            assert heard_ms == item.heard_samples // MS
            assert item.heard_samples < item.sent_samples

    @invariant()
    def generations_agree(self) -> None:
        assert self.conversation.generation == self.loudspeaker.generation

    def teardown(self) -> None:
        """In the end everything is heard or corrected, and nobody waits for anything."""
        for response in self.live_responses:
            response.live = False
            self.receive(ResponseDone(response.response_id, "completed", ""))
        self.receive(SpeechStopped())
        self.receive(ServiceError("x", "no answer will come"))
        while self.loudspeaker.waiting:
            self.a_period_sounds(100_000, 0, latency=False)
        self.loudspeaker.told = self.loudspeaker.position
        self.the_network_process_looks()
        self.the_network_process_looks()
        assert self.conversation.idle
        for item in self.items:
            if item.heard_samples < item.sent_samples:
                assert item.corrections == 1, "the model must not remember what nobody heard"
            elif not self.a_cut_went_unseen:
                assert item.corrections == 0

    @property
    def live_responses(self) -> list[Response]:
        return [response for response in self.responses if response.live]

    @property
    def items(self) -> list[Item]:
        return [item for response in self.responses for item in response.items]


ConversationMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None
)
TestConversation = ConversationMachine.TestCase
