"""Function calls under any order of events: each is answered once, and then the model goes on."""

from collections import Counter

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

STEPS = ["create", "call", "done", "cancel", "speak", "quiet", "return", "late", "refuse"]


class World:
    """A service and a tools process that do whatever the steps say, as far as they can."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.active: str | None = None
        self.responses = 0
        self.calls: list[str] = []
        self.running: set[str] = set()
        self.abandoned: set[str] = set()
        self.answers: list[SendToolResult] = []
        self.user_speaks = False
        self.asked = False

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
                case CreateResponse():
                    assert self.active is None, "asked while a response is active"
                    assert not self.user_speaks, "asked while the user speaks"
                    self.asked = True

    def step(self, kind: str) -> None:
        receive = self.conversation.receive
        match kind:
            case "create" if self.active is None:
                self.responses += 1
                self.active = f"resp_{self.responses}"
                self.asked = False
                self.take(receive(ResponseCreated(self.active)))
            case "call" if self.active:
                self.calls.append(f"call_{len(self.calls)}")
                self.take(receive(FunctionCalled(self.active, self.calls[-1], "f", "{}")))
            case "done" | "cancel" if self.active:
                status = "completed" if kind == "done" else "cancelled"
                done, self.active = self.active, None
                self.take(receive(ResponseDone(done, status, "")))
            case "speak" if not self.user_speaks:
                self.user_speaks = True
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
            case "refuse" if self.asked and self.active is None:
                self.asked = False
                self.take(receive(ServiceError(ALREADY_ACTIVE, "")))


@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_every_call_is_answered_exactly_once(steps: list[str]) -> None:
    world = World()
    for kind in steps:
        world.step(kind)
        answered = Counter(answer.call_id for answer in world.answers)
        assert all(count == 1 for count in answered.values()), "answered twice"
        assert set(answered) | world.running == set(world.calls), "neither running nor answered"
        assert not set(answered) & world.running, "answered while it runs"
    for answer in world.answers:
        abandoned = answer.call_id in world.abandoned
        assert answer.output in ({INTERRUPTED} if abandoned else {INTERRUPTED, "result"})


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_the_model_goes_on_once_its_calls_are_answered(steps: list[str]) -> None:
    world = World()
    for kind in steps:
        world.step(kind)
    for _ in world.calls:
        world.step("return")
    for kind in ("quiet", "create", "done", "create", "done"):  # what was under way ends
        world.step(kind)
    world.asked = False
    world.step("create")
    world.step("call")
    called = world.calls[-1]
    world.step("done")
    while world.running:
        assert not world.asked
        world.step("return")
    assert called in {answer.call_id for answer in world.answers}
    assert world.asked
