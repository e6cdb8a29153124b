"""Who has the floor, and when the client asks for an answer itself."""

import pytest

from pipeline.ipc.commands import CallTool
from pipeline.ipc.events import Notice, Ready, Trace
from pipeline.network.actions import Action, CreateResponse, SendToolResult
from pipeline.network.conversation import Conversation
from pipeline.network.event_ids import ANSWER, DELETION, MESSAGE, RESULT, TRUNCATION, event_id
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

REFUSAL = ServiceError(ALREADY_ACTIVE, "")
DONE = ResponseDone("r1", "completed", "")


def called(conversation: Conversation) -> None:
    """A response that does nothing but call a function."""
    conversation.receive(ResponseCreated("r1"))
    assert conversation.receive(FunctionCalled("r1", "c1", "clock", "{}")) == [
        CallTool("c1", "clock", "{}")
    ]
    assert conversation.receive(DONE) == []


def request_of(actions: list[Action]) -> CreateResponse:
    (request,) = (action for action in actions if isinstance(action, CreateResponse))
    return request


def requests(actions: list[Action]) -> int:
    return sum(isinstance(action, CreateResponse) for action in actions)


@pytest.fixture
def polite() -> Conversation:
    """Speech interrupts nothing."""
    return Conversation(interrupt_response=False)


def test_the_result_goes_before_the_request(conversation: Conversation) -> None:
    called(conversation)
    result, request = conversation.tool_returned("c1", "noon")
    assert result == SendToolResult("c1", "noon")
    assert isinstance(request, CreateResponse)
    assert not conversation.idle
    assert conversation.release(request)
    conversation.receive(ResponseCreated("r2"))
    conversation.receive(ResponseDone("r2", "completed", ""))
    assert conversation.heard(0, 0) == [Ready()]


def test_a_request_is_released_once(conversation: Conversation) -> None:
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    assert conversation.release(request)
    conversation.receive(ResponseCreated("r2"))
    assert not conversation.release(request)


def test_a_request_is_stale_once_the_user_speaks(conversation: Conversation) -> None:
    """The answer to the user's own turn uses the result too."""
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    conversation.receive(SpeechStarted())
    assert not conversation.release(request)
    conversation.receive(SpeechStopped())
    conversation.receive(ResponseCreated("r2"))
    assert not requests(conversation.receive(ResponseDone("r2", "completed", "")))
    assert conversation.idle


def test_a_stale_request_is_made_again_where_speech_interrupts_nothing(
    polite: Conversation,
) -> None:
    called(polite)
    stale = request_of(polite.tool_returned("c1", "noon"))
    polite.receive(SpeechStarted())
    assert not polite.release(stale)
    assert not requests(polite.receive(SpeechStopped()))
    assert not requests(polite.receive(ResponseCreated("r2")))
    request = request_of(polite.receive(ResponseDone("r2", "completed", "")))
    assert not polite.release(stale), "it stands before the results that the other one uses"
    assert polite.release(request)


def test_a_request_is_stale_once_another_response_has_begun(conversation: Conversation) -> None:
    called(conversation)
    stale = request_of(conversation.tool_returned("c1", "noon"))
    conversation.receive(ResponseCreated("r2"))
    assert not conversation.release(stale)
    request = request_of(conversation.receive(ResponseDone("r2", "completed", "")))
    assert conversation.release(request)


def test_a_refused_request_is_made_again_when_the_other_response_is_done(
    conversation: Conversation,
) -> None:
    called(conversation)
    assert conversation.release(request_of(conversation.tool_returned("c1", "noon")))
    conversation.receive(ResponseCreated("r2"))
    (trace,) = conversation.receive(REFUSAL)
    assert isinstance(trace, Trace)
    assert not conversation.idle
    request = request_of(conversation.receive(ResponseDone("r2", "completed", "")))
    assert conversation.release(request)


def test_a_request_refused_for_an_unknown_response_is_made_again_after_its_end(
    conversation: Conversation,
) -> None:
    called(conversation)
    assert conversation.release(request_of(conversation.tool_returned("c1", "noon")))
    assert not requests(conversation.receive(REFUSAL))
    assert not conversation.idle
    request = request_of(conversation.receive(ResponseDone("unknown", "completed", "")))
    assert conversation.release(request)


def test_a_request_that_is_always_refused_is_made_after_growing_pauses_and_given_up(
    conversation: Conversation,
) -> None:
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    now_s, pauses_s = 0.0, []
    while True:
        assert conversation.release(request)
        actions = conversation.receive(REFUSAL)
        if conversation.idle:
            break
        assert not requests(actions)
        refused_s = now_s
        while not requests(actions := conversation.tick(now_s)):
            now_s += 0.125
        pauses_s.append(now_s - refused_s)
        request = request_of(actions)
    assert pauses_s == [0.25, 0.5, 1, 2, 4, 4, 4]
    notice, _ = (action for action in actions if not isinstance(action, Ready))
    assert isinstance(notice, Notice)
    assert "refused 8 times" in notice.message
    for _ in range(10):
        now_s += 10
        assert not requests(conversation.tick(now_s))
    assert not requests(conversation.receive(REFUSAL))


def test_refusals_are_counted_anew_after_an_answer(conversation: Conversation) -> None:
    for number in range(2 * Floor.MOST_REFUSALS):
        response = f"r{number}"
        conversation.receive(ResponseCreated(response))
        conversation.receive(FunctionCalled(response, f"c{number}", "clock", "{}"))
        conversation.receive(ResponseDone(response, "completed", ""))
        assert conversation.release(request_of(conversation.tool_returned(f"c{number}", "noon")))
        (trace,) = conversation.receive(REFUSAL)
        assert isinstance(trace, Trace)
        request = request_of(conversation.receive(ResponseDone("unknown", "completed", "")))
        assert conversation.release(request)


def test_a_refusal_of_an_older_request_is_not_about_the_latest(conversation: Conversation) -> None:
    called(conversation)
    older = request_of(conversation.tool_returned("c1", "noon"))
    assert conversation.release(older)
    refusal = ServiceError(ALREADY_ACTIVE, "", event_id=event_id(ANSWER, older.number))
    conversation.receive(refusal)
    request = request_of(conversation.receive(ResponseDone("unknown", "completed", "")))
    assert conversation.release(request)
    conversation.receive(refusal)
    conversation.receive(ResponseCreated("r2"))
    assert not requests(conversation.receive(ResponseDone("r2", "completed", "")))
    assert conversation.idle


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("invalid_value", "Audio content of 300ms is already shorter than 410ms"),
        ServiceError("", "Audio content of 300ms is already shorter than 410ms", "audio_end_ms"),
        ServiceError("", "Audio content of 300ms is already shorter than 410ms"),
        ServiceError("any", "No such item.", event_id=event_id(TRUNCATION, 3)),
        ServiceError("any", "No such item.", event_id=event_id(DELETION, 3)),
        ServiceError("item_truncate_invalid_item_id", "No such item.", "item_id"),
    ],
)
def test_a_truncation_that_is_refused_changes_nothing(
    conversation: Conversation, error: ServiceError
) -> None:
    """Neither while an answer to a turn is expected, nor while one is asked for."""
    conversation.receive(SpeechStarted())
    conversation.receive(SpeechStopped())
    (trace,) = conversation.receive(error)
    assert isinstance(trace, Trace)
    assert not conversation.idle
    conversation.receive(ResponseCreated("r0"))
    conversation.receive(ResponseDone("r0", "completed", ""))
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    assert conversation.release(request)
    (trace,) = conversation.receive(error)
    assert isinstance(trace, Trace)
    assert not conversation.idle


def test_an_error_about_another_event_leaves_the_request_outstanding(
    conversation: Conversation,
) -> None:
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    assert conversation.release(request)
    for id_ in (event_id(RESULT, 1), event_id(MESSAGE, 2), event_id(ANSWER, request.number + 1)):
        (notice,) = conversation.receive(ServiceError("x", "y", event_id=id_))
        assert isinstance(notice, Notice)
        assert not conversation.idle
    conversation.receive(ServiceError("x", "y", event_id=event_id(ANSWER, request.number)))
    assert conversation.idle


def test_a_refused_request_is_dropped_if_the_user_has_interrupted_it(
    conversation: Conversation,
) -> None:
    called(conversation)
    assert conversation.release(request_of(conversation.tool_returned("c1", "noon")))
    conversation.receive(SpeechStarted())
    conversation.receive(SpeechStopped())
    conversation.receive(ResponseCreated("r2"))
    assert not requests(conversation.receive(REFUSAL))
    assert not requests(conversation.receive(ResponseDone("r2", "completed", "")))
    assert conversation.idle


def test_a_refusal_without_a_request_asks_for_nothing(conversation: Conversation) -> None:
    (trace,) = conversation.receive(REFUSAL)
    assert isinstance(trace, Trace)
    assert conversation.idle


def test_a_refusal_leaves_the_answer_to_a_turn_expected(polite: Conversation) -> None:
    called(polite)
    assert polite.release(request_of(polite.tool_returned("c1", "noon")))
    polite.receive(SpeechStarted())
    polite.receive(SpeechStopped())
    assert not requests(polite.receive(REFUSAL)), "the service is about to answer the turn"
    polite.receive(ResponseCreated("r2"))
    assert requests(polite.receive(ResponseDone("r2", "completed", "")))


def test_a_turn_without_an_answer_holds_back_no_result_for_ever(polite: Conversation) -> None:
    called(polite)
    polite.receive(SpeechStarted())
    polite.receive(SpeechStopped())
    assert polite.tool_returned("c1", "noon") == [SendToolResult("c1", "noon")]
    assert not polite.tick(0.0)
    assert requests(polite.tick(Floor.ANSWER_WITHIN_S))


def test_an_error_lets_the_model_go_on_with_its_results(polite: Conversation) -> None:
    called(polite)
    polite.receive(SpeechStarted())
    polite.receive(SpeechStopped())
    polite.tool_returned("c1", "noon")
    assert requests(polite.receive(ServiceError("x", "no answer will come")))


def test_a_request_that_the_service_ignores_comes_to_rest(conversation: Conversation) -> None:
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    assert not conversation.tick(0.0)
    assert not conversation.tick(10 * Floor.ANSWER_WITHIN_S), "it has not been sent"
    assert conversation.release(request)
    assert not conversation.tick(11 * Floor.ANSWER_WITHIN_S)
    assert Ready() in conversation.tick(12 * Floor.ANSWER_WITHIN_S)
    assert conversation.idle


def test_an_error_before_the_request_was_sent_is_not_about_it(conversation: Conversation) -> None:
    called(conversation)
    request = request_of(conversation.tool_returned("c1", "noon"))
    conversation.receive(ServiceError("x", "y"))
    assert conversation.release(request)
    conversation.receive(ServiceError("x", "y"))
    assert conversation.idle


def test_a_response_that_begins_while_the_user_speaks_leaves_the_floor_to_the_user(
    polite: Conversation,
) -> None:
    polite.receive(SpeechStarted())
    polite.receive(ResponseCreated("r1"))
    polite.receive(DONE)
    assert not polite.idle
    assert not polite.tick(0.0)
    assert not polite.tick(10 * Floor.ANSWER_WITHIN_S)


def test_one_refusal_makes_one_request(conversation: Conversation) -> None:
    called(conversation)
    assert conversation.release(request_of(conversation.tool_returned("c1", "noon")))
    conversation.receive(ResponseCreated("r2"))
    conversation.receive(REFUSAL)
    request = request_of(conversation.receive(ResponseDone("r2", "completed", "")))
    conversation.receive(REFUSAL)
    assert conversation.release(request)
    conversation.receive(ResponseCreated("r3"))
    assert not requests(conversation.receive(ResponseDone("r3", "completed", "")))


def test_a_refusal_in_the_next_session_is_not_about_the_last_one(
    conversation: Conversation,
) -> None:
    called(conversation)
    assert conversation.release(request_of(conversation.tool_returned("c1", "noon")))
    conversation.receive(ResponseCreated("r2"))
    conversation.receive(ResponseDone("r2", "completed", ""))
    conversation.session_lost()
    assert not requests(conversation.session_resumed())
    assert not requests(conversation.receive(REFUSAL))
    assert conversation.idle
