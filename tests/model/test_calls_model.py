"""Function calls under any order of events: each is answered once, and then the model goes on."""

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.network.actions import Action, CreateResponse, SendToolResult
from pipeline.network.calls import INTERRUPTED
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    ALREADY_ACTIVE,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SpeechStarted,
    SpeechStopped,
)
from pipeline.network.floor import Floor

STEPS = [
    *("create", "create of itself", "call", "done", "cancel", "speak", "quiet", "return", "late"),
    *("refuse", "error", "send", "time", "again"),
]


class World:
    """A service and a tools process that do whatever the steps say, as far as they can.

    What the conversation wants to send waits for a step "send", in order.
    """

    def __init__(self, *, interrupt_response: bool = True) -> None:
        self.interrupts = interrupt_response
        self.conversation = Conversation(interrupt_response=interrupt_response)
        self.active: str | None = None
        self.responses = 0
        self.calls: list[str] = []
        self.running: set[str] = set()
        self.abandoned: set[str] = set()
        self.unsent: deque[SendToolResult | CreateResponse] = deque()
        self.answers: list[SendToolResult] = []
        self.unused: set[str] = set()
        """Calls whose results the service has, and that no response could use yet."""
        self.asked_for: set[str] = set()
        """Those of them that the client's request is to put to use."""
        self.dropped: set[str] = set()
        self.user_speaks = False
        self.asked = False
        self.refusal_due = False
        self.now_s = 0.0

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case CallTool(call_id):
                    self.running.add(call_id)
                case CancelTool(call_id):
                    self.running.remove(call_id)
                    self.abandoned.add(call_id)
                case SendToolResult():
                    self.answers.append(action)
                    self.unsent.append(action)
                case CreateResponse():
                    self.check_free()
                    self.unsent.append(action)

    def check_free(self) -> None:
        assert self.active is None, "asked while a response is active"
        assert not self.user_speaks, "asked while the user speaks"

    def send(self) -> None:
        message = self.unsent.popleft()
        if isinstance(message, SendToolResult):
            if message.output != INTERRUPTED and message.call_id not in self.dropped:
                self.unused.add(message.call_id)
        elif self.conversation.release(message):
            self.check_free()
            self.asked = True
            self.asked_for |= self.unused
            self.unused.clear()

    def create(self) -> None:
        self.responses += 1
        self.active = f"resp_{self.responses}"
        self.unused.clear()
        self.take(self.conversation.receive(ResponseCreated(self.active)))

    def step(self, kind: str) -> None:
        receive = self.conversation.receive
        match kind:
            case "create" if self.active is None:
                self.asked = False
                self.asked_for.clear()
                self.create()
            case "create of itself" if self.active is None:
                self.refusal_due, self.asked = self.refusal_due or self.asked, False
                self.create()
            case "call" | "again" if self.active:
                self.call(self.active, again=kind == "again")
            case "done" | "cancel" if self.active:
                self.end(self.active, kind)
            case "speak" if not self.user_speaks:
                self.user_speaks = True
                if self.interrupts:
                    self.drop_results()
                self.take(receive(SpeechStarted()))
            case "quiet" if self.user_speaks:
                self.user_speaks = False
                self.take(receive(SpeechStopped()))
            case "return" if self.running:
                call_id = min(self.running)
                self.running.remove(call_id)
                self.take(self.conversation.tool_returned(call_id, "result"))
            case "late" if self.abandoned:
                self.take(self.conversation.tool_returned(min(self.abandoned), "late"))
            case "refuse" | "error":
                self.complain(kind)
            case "send" if self.unsent:
                self.send()
            case "time":
                self.now_s += Floor.ANSWER_WITHIN_S
                self.take(self.conversation.tick(self.now_s))

    def call(self, response: str, *, again: bool) -> None:
        """Announce a call, or any earlier one once more."""
        call_id = f"call_{len(self.calls)}"
        if again and self.calls:
            call_id = self.calls[len(self.answers) % len(self.calls)]
        else:
            self.calls.append(call_id)
        self.take(self.conversation.receive(FunctionCalled(response, call_id, "f", "{}")))

    def end(self, response: str, kind: str) -> None:
        self.active = None
        if kind == "cancel":
            self.drop_results()
        status = "completed" if kind == "done" else "cancelled"
        self.take(self.conversation.receive(ResponseDone(response, status, "")))

    def drop_results(self) -> None:
        """The user has interrupted, or the service has stopped the model: it does not go on."""
        self.dropped.update(self.calls)
        self.unused.clear()
        self.asked_for.clear()

    def complain(self, kind: str) -> None:
        """An error: about a request that came too late, or about anything else."""
        if kind == "refuse" and (self.refusal_due or (self.asked and self.active is None)):
            self.refusal_due = self.asked = False
            self.unused |= self.asked_for
            self.asked_for.clear()
            self.take(self.conversation.receive(ServiceError(ALREADY_ACTIVE, "")))
        elif kind == "error" and not self.asked:
            self.take(self.conversation.receive(ServiceError("x", "y")))

    def come_to_rest(self) -> None:
        """What is under way ends, and no more happens than that time passes."""
        for kind in ("quiet", "done", "refuse"):
            self.step(kind)
        while self.running:
            self.step("return")
        for _ in range(3):
            while self.unsent:
                self.step("send")
            self.step("time")
            self.step("time")


steps_of_any_kind = st.lists(st.sampled_from(STEPS), max_size=60)


@given(steps_of_any_kind, st.booleans())
def test_every_call_is_answered_exactly_once(steps: list[str], interrupts: bool) -> None:
    world = World(interrupt_response=interrupts)
    for kind in steps:
        world.step(kind)
        answered = Counter(answer.call_id for answer in world.answers)
        assert all(count == 1 for count in answered.values()), "answered twice"
        assert set(answered) | world.running == set(world.calls), "neither running nor answered"
        assert not set(answered) & world.running, "answered while it runs"
    for answer in world.answers:
        abandoned = answer.call_id in world.abandoned
        assert answer.output in ({INTERRUPTED} if abandoned else {INTERRUPTED, "result"})


@given(steps_of_any_kind, st.booleans())
def test_no_result_waits_for_ever(steps: list[str], interrupts: bool) -> None:
    """Also after turns without an answer, errors and refusals."""
    world = World(interrupt_response=interrupts)
    for kind in steps:
        world.step(kind)
    world.come_to_rest()
    assert not world.unsent
    assert not world.unused, "the model has not been asked to use them"
    assert world.conversation.idle


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_the_model_goes_on_once_its_calls_are_answered(steps: list[str]) -> None:
    world = World()
    for kind in steps:
        world.step(kind)
    world.come_to_rest()
    world.asked = False
    world.step("create")
    world.step("call")
    called = world.calls[-1]
    world.step("done")
    while world.running:
        assert not world.asked
        world.step("return")
        while world.unsent:
            world.step("send")
    assert called in {answer.call_id for answer in world.answers}
    assert world.asked
