"""Which turns of the user were answered, and how a silent service is noticed."""

import pytest

from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDelta,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    UserTranscript,
    WordsDelta,
)
from pipeline.network.floor import Floor
from pipeline.network.silence import Silence

TURN = (
    SpeechStarted(),
    SpeechStopped("u1"),
    TurnCommitted("u1"),
    UserTranscript("What is the time?", "u1"),
)
COMPLETED = ResponseDone("r1", "completed", "")


@pytest.fixture
def conversation() -> Conversation:
    conversation = Conversation()
    for event in TURN:
        conversation.receive(event)
    return conversation


def give_up(conversation: Conversation) -> None:
    conversation.tick(0.0)
    conversation.tick(Floor.ANSWER_WITHIN_S)


def test_a_turn_is_answered_once_its_answer_is_made(conversation: Conversation) -> None:
    assert not conversation.all_answered
    conversation.receive(ResponseCreated("r1"))
    conversation.receive(WordsDelta("r1", "Noon."))
    assert not conversation.all_answered
    conversation.receive(COMPLETED)
    assert conversation.all_answered


def test_a_turn_that_is_given_up_is_still_to_be_answered(conversation: Conversation) -> None:
    give_up(conversation)
    assert conversation.idle
    assert not conversation.finished
    assert not conversation.all_answered


def test_a_call_is_no_answer(conversation: Conversation) -> None:
    conversation.receive(ResponseCreated("r1"))
    conversation.receive(FunctionCalled("r1", "c1", "clock", "{}"))
    conversation.receive(COMPLETED)
    conversation.tool_returned("c1", "noon")
    assert not conversation.all_answered
    conversation.receive(ResponseCreated("r2"))
    conversation.receive(WordsDelta("r2", "Noon."))
    conversation.receive(ResponseDone("r2", "completed", ""))
    assert conversation.all_answered


def test_a_failed_answer_is_none_and_no_other_is_waited_for(conversation: Conversation) -> None:
    conversation.receive(ResponseCreated("r1"))
    conversation.receive(ResponseDone("r1", "failed", ""))
    assert conversation.finished
    assert not conversation.all_answered


def test_a_turn_without_words_wants_no_answer(conversation: Conversation) -> None:
    conversation.receive(UserTranscript("", "u1"))
    assert conversation.all_answered


def test_that_a_turn_has_no_words_may_be_known_before_it_is_taken() -> None:
    conversation = Conversation()
    for event in (SpeechStarted(), SpeechStopped("u1"), UserTranscript("", "u1")):
        conversation.receive(event)
    conversation.receive(TurnCommitted("u1"))
    assert conversation.all_answered
    conversation.receive(TurnCommitted("u2"))
    assert not conversation.all_answered


def test_an_event_that_comes_twice_is_one_turn(conversation: Conversation) -> None:
    conversation.receive(ResponseCreated("r1"))
    conversation.receive(TurnCommitted("u1"))
    conversation.receive(WordsDelta("r1", "Noon."))
    conversation.receive(COMPLETED)
    assert conversation.all_answered


def test_speech_that_is_not_taken_as_a_turn_wants_no_answer() -> None:
    conversation = Conversation()
    for event in (SpeechStarted(), SpeechStopped("u1")):
        conversation.receive(event)
    assert conversation.all_answered


def test_a_user_who_speaks_on_has_interrupted(conversation: Conversation) -> None:
    conversation.receive(SpeechStarted())
    assert conversation.all_answered


def test_a_user_who_asks_again_after_a_silence_was_not_answered(
    conversation: Conversation,
) -> None:
    give_up(conversation)
    for event in (*TURN, ResponseCreated("r1"), WordsDelta("r1", "Noon."), COMPLETED):
        conversation.receive(event)
    assert conversation.finished
    assert not conversation.all_answered


def test_a_turn_that_another_session_hears_again_is_one_question(
    conversation: Conversation,
) -> None:
    give_up(conversation)
    conversation.session_lost()
    conversation.session_resumed()
    for event in (*TURN, ResponseCreated("r1"), WordsDelta("r1", "Noon."), COMPLETED):
        conversation.receive(event)
    assert conversation.all_answered


def test_an_answer_that_a_loss_breaks_off_is_not_waited_for(conversation: Conversation) -> None:
    for event in (*TURN, ResponseCreated("r1"), AudioDelta("r1", "i1", bytes(480))):
        conversation.receive(event)
    conversation.session_lost()
    conversation.heard(1, 240)
    conversation.session_resumed()
    assert conversation.finished
    assert not conversation.all_answered, "its rest is missing"


def test_the_service_is_waited_for_until_its_answer_is_there(conversation: Conversation) -> None:
    assert conversation.waits_for_service
    conversation.receive(ResponseCreated("r1"))
    assert conversation.waits_for_service
    conversation.receive(AudioDelta("r1", "i1", bytes(480)))
    assert not conversation.waits_for_service, "its answer sounds"
    conversation.heard(1, 240)
    assert conversation.waits_for_service, "the rest does not come"
    conversation.receive(COMPLETED)
    assert not conversation.waits_for_service


def test_the_service_is_not_waited_for_while_it_waits_itself(conversation: Conversation) -> None:
    conversation.receive(ResponseCreated("r1"))
    conversation.receive(FunctionCalled("r1", "c1", "clock", "{}"))
    conversation.receive(COMPLETED)
    assert not conversation.waits_for_service
    conversation.tool_returned("c1", "noon")
    assert conversation.waits_for_service
    conversation.receive(SpeechStarted())
    assert not conversation.waits_for_service
    conversation.receive(SpeechStopped("u2"))
    conversation.receive(TurnCommitted("u2"))
    assert conversation.waits_for_service
    conversation.session_lost()
    assert not conversation.waits_for_service


def test_a_silence_is_told_once() -> None:
    silence = Silence(0.0)
    assert not silence.begins_to_worry(100.0, owed=False)
    told = [s for s in range(101, 200) if silence.begins_to_worry(float(s), owed=True)]
    assert told == [110]
    silence.event_received(150.0)
    assert not silence.begins_to_worry(200.0, owed=False)
    silence.event_received(205.0)
    assert not silence.begins_to_worry(214.0, owed=True)
    assert silence.begins_to_worry(215.0, owed=True)
