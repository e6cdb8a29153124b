"""Typed turns and interruptions without a word, over the conversation that is free of I/O."""

from pipeline.ipc.events import Interrupted, Listening, UserSaid
from pipeline.ipc.reports import Report
from pipeline.network.actions import (
    Action,
    AddMessage,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Interrupt,
    QueueAudio,
    Truncate,
)
from pipeline.network.conversation import Conversation
from pipeline.network.events import ResponseCreated, ResponseDone, SpeechStarted, SpeechStopped
from tests.support.conversation import MS, completed, delta, drive

CANCELLED = ResponseDone("r1", "cancelled", "client_cancelled")


def to_service(actions: list[Action]) -> list[Action]:
    """Leave out what only the person is shown, and the sound's."""
    return [a for a in actions if not isinstance(a, Report | QueueAudio | Interrupt)]


def test_a_typed_turn_is_told_and_answered(conversation: Conversation) -> None:
    actions = conversation.say("Hello.")
    assert actions == [
        AddMessage("user", "Hello."),
        UserSaid("Hello.", typed=True),
        CreateResponse(),
    ]
    assert not conversation.idle
    request = actions[-1]
    assert isinstance(request, CreateResponse)
    assert conversation.release(request)


def test_a_typed_turn_interrupts_an_answer_that_is_being_made(answering: Conversation) -> None:
    actions = answering.say("Stop.")
    assert actions[0] == Interrupt(1)
    assert to_service(actions) == [CancelResponse("r1"), AddMessage("user", "Stop.")]
    assert drive(answering, delta(1_000 * MS), CANCELLED) == []
    settled = answering.cut_settled(1, 1, 400 * MS)
    assert settled == [Truncate("i1", 400), Interrupted(400), CreateResponse()]


def test_a_typed_turn_waits_for_the_end_of_the_response(answering: Conversation) -> None:
    answering.say("Stop.")
    assert to_service(answering.cut_settled(1, 1, 400 * MS)) == [Truncate("i1", 400)]
    assert to_service(drive(answering, CANCELLED)) == [CreateResponse()]


def test_a_typed_turn_interrupts_an_answer_that_only_sounds(answering: Conversation) -> None:
    drive(answering, completed())
    assert to_service(answering.say("Stop.")) == [AddMessage("user", "Stop.")]
    settled = answering.cut_settled(1, 1, 0)
    assert to_service(settled) == [DeleteItem("i1"), CreateResponse()]


def test_a_typed_turn_interrupts_nothing_if_speech_does_not() -> None:
    conversation = Conversation(interrupt_response=False)
    drive(conversation, ResponseCreated("r1"), delta(1_000 * MS))
    assert to_service(conversation.say("Go on.")) == [AddMessage("user", "Go on.")]
    assert to_service(drive(conversation, completed())) == [CreateResponse()]
    assert conversation.generation == 0


def test_a_typed_turn_between_sessions_is_told_to_the_next_once(conversation: Conversation) -> None:
    conversation.session_lost()
    assert conversation.say("Hello?") == [UserSaid("Hello?", typed=True)]
    assert conversation.session_resumed() == [AddMessage("user", "Hello?"), CreateResponse()]


def test_a_typed_turn_while_the_user_speaks_is_answered_after_the_spoken_one(
    conversation: Conversation,
) -> None:
    drive(conversation, SpeechStarted())
    assert to_service(conversation.say("And this.")) == [AddMessage("user", "And this.")]
    assert to_service(drive(conversation, SpeechStopped(), ResponseCreated("r1"))) == []
    assert to_service(drive(conversation, completed())) == [CreateResponse()]


def test_an_interruption_without_a_word(answering: Conversation) -> None:
    actions = answering.interrupt()
    assert actions[0] == Interrupt(1)
    assert to_service(actions) == [CancelResponse("r1")]
    assert to_service(answering.cut_settled(1, 1, 400 * MS)) == [Truncate("i1", 400)]
    drive(answering, CANCELLED)
    assert answering.idle
    assert answering.interrupt() == []


def test_an_interruption_of_an_answer_that_only_sounds(answering: Conversation) -> None:
    drive(answering, completed())
    assert answering.interrupt() == [Interrupt(1)]


def test_a_marked_turn_interrupts_and_is_answered_when_it_was_sent(
    conversation: Conversation,
) -> None:
    conversation.receive(ResponseCreated("r1"))
    conversation.receive(delta(100 * MS))
    begun = conversation.begin_turn()
    assert begun[0] == Interrupt(1)
    assert to_service(begun) == [CancelResponse("r1")]
    assert Listening() in begun
    assert to_service(conversation.cut_settled(1, 1, 100 * MS - 1)) == [Truncate("i1", 99)]
    assert not to_service(conversation.receive(ResponseDone("r1", "cancelled", "")))
    assert to_service(conversation.turn_sent()) == [CreateResponse()]


def test_an_answer_that_was_asked_for_before_a_marked_turn_is_cancelled_when_it_comes(
    conversation: Conversation,
) -> None:
    conversation.begin_turn()
    (request,) = to_service(conversation.turn_sent())
    assert isinstance(request, CreateResponse)
    assert conversation.release(request)
    conversation.begin_turn()
    late = conversation.receive(ResponseCreated("r1"))
    assert to_service(late) == [CancelResponse("r1")]
    conversation.receive(ResponseDone("r1", "cancelled", ""))
    assert not to_service(conversation.receive(delta(100 * MS)))
    assert to_service(conversation.turn_dropped(too_short=True)) == []
