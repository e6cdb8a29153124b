"""A session breaks off and another follows: what sounds, what is replayed, what is owed."""

import pickle

from pipeline.ipc.commands import CallTool, CancelTool
from pipeline.ipc.events import AssistantDone, AssistantSaid, Interrupted, Notice, Ready, Trace
from pipeline.network.actions import (
    Action,
    AddMessage,
    CreateResponse,
    EndItem,
    QueueAudio,
    SendToolResult,
)
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    UserTranscript,
    WordsDelta,
    WordsDone,
    WordTime,
)
from pipeline.network.floor import Floor
from pipeline.network.items import QueuedEnd
from pipeline.network.transcript import Transcript
from tests.support.conversation import drive

SECOND = 24_000  # samples
HELLO = (SpeechStarted(), SpeechStopped("u1"), UserTranscript("Hello.", "u1"))
GREETING = (
    ResponseCreated("r1"),
    WordsDelta("r1", "Good morning, "),
    AudioDelta("r1", "i1", bytes(2 * SECOND)),
    WordsDelta("r1", "how are you?"),
    WordsDone("r1"),
    AudioDone("r1", "i1"),
    ResponseDone("r1", "completed", ""),
)
TAKEN = (TurnCommitted("u1"),)
BROKEN_OFF = AssistantDone("Good morning,", " ", cut=True, broken_off=True)
REST_MISSING = Notice("The connection ended in the middle of an answer: the rest of it is missing.")
NOTHING_QUEUED = QueuedEnd(0, 0, 0, complete=True)
REMEMBERED = [AddMessage("user", "Hello."), AddMessage("assistant", "Good morning, how are you?")]


def wordless(actions: list[Action]) -> list[Action]:
    """Leave out the words that are shown."""
    return [each for each in actions if not isinstance(each, AssistantSaid | AssistantDone)]


def resume(conversation: Conversation) -> list[Action]:
    """Open another session; everything it is told is sent at once."""
    actions = conversation.session_resumed()
    for action in actions:
        if isinstance(action, CreateResponse):
            assert conversation.release(action)
    return actions


def test_nothing_is_replayed_to_the_first_session(conversation: Conversation) -> None:
    assert resume(conversation) == []
    assert conversation.idle


def test_what_was_said_is_replayed_to_the_next_session(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    assert wordless(conversation.heard(1, SECOND)) == [Ready()]
    assert conversation.session_lost() == []
    assert resume(conversation) == REMEMBERED
    assert conversation.heard(1, SECOND) == [Ready()]


def test_an_answer_that_is_complete_sounds_on(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    assert conversation.session_lost() == []
    assert conversation.heard(1, 500) == [AssistantSaid("Good")]
    assert not conversation.idle
    assert resume(conversation) == REMEMBERED[:1]
    assert conversation.heard(1, SECOND) == [
        AssistantSaid(" morning, how are you?"),
        AssistantDone("Good morning, how are you?"),
        REMEMBERED[1],
        Ready(),
    ]
    assert conversation.heard(1, SECOND) == []


def test_an_answer_that_breaks_off_has_an_end(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING[:3])
    assert conversation.session_lost() == [EndItem(1, 0, SECOND)]
    assert resume(conversation) == REMEMBERED[:1]
    assert conversation.heard(1, SECOND) == [
        AssistantSaid("Good morning,"),
        BROKEN_OFF,
        REST_MISSING,
        AddMessage("assistant", "Good morning,"),
        Ready(),
    ]
    assert conversation.finished, "nothing more is waited for"
    assert not conversation.all_answered
    assert not go_on(conversation).all_answered


def test_an_answer_that_had_been_heard_as_far_as_it_came_breaks_off_at_once(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3])
    conversation.heard(1, SECOND)
    assert conversation.session_lost() == [EndItem(1, 0, SECOND), BROKEN_OFF]
    assert conversation.heard(1, SECOND) == [REST_MISSING]
    assert conversation.heard(1, SECOND) == []
    assert not conversation.all_answered


def test_an_answer_that_the_user_interrupts_before_it_breaks_off_lacks_nothing(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3])
    conversation.session_lost()
    resume(conversation)
    drive(conversation, SpeechStarted("u2"))
    actions = conversation.cut_settled(1, 1, SECOND * 6 // 10)
    assert AssistantDone("Good morning,", " ", cut=True) in actions
    assert REST_MISSING not in [*actions, *conversation.heard(1, SECOND)]
    assert conversation.all_answered


def test_an_answer_that_was_interrupted_before_the_loss_lacks_nothing(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3], SpeechStarted("u2"))
    conversation.session_lost()
    actions = conversation.cut_settled(1, 1, SECOND * 6 // 10)
    assert AssistantDone("Good morning,", " ", cut=True) in actions
    assert REST_MISSING not in [*actions, *conversation.heard(1, SECOND)]
    assert conversation.all_answered


def test_each_answer_that_breaks_off_is_told_of_once(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3])
    conversation.session_lost()
    resume(conversation)
    conversation.session_lost()
    assert conversation.heard(1, SECOND).count(REST_MISSING) == 1
    resume(conversation)
    drive(conversation, *HELLO, *TAKEN, *GREETING)
    assert REST_MISSING not in conversation.heard(2, SECOND)
    conversation.session_lost()
    assert conversation.heard(2, SECOND) == []


def test_an_answer_that_calls_a_function_is_asked_for_again_as_a_whole(
    conversation: Conversation,
) -> None:
    call = FunctionCalled("r1", "c1", "clock", "{}")
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3], call)
    conversation.session_lost()
    (_, request) = resume(conversation)
    assert isinstance(request, CreateResponse)
    assert REST_MISSING not in conversation.heard(1, SECOND)
    assert conversation.all_answered


def test_a_loss_while_the_rest_of_an_answer_sounds_ends_it_no_second_time(
    conversation: Conversation,
) -> None:
    """The first loss has finished its response."""
    drive(conversation, *HELLO, *GREETING[:3])
    assert conversation.session_lost() == [EndItem(1, 0, SECOND)]
    resume(conversation)
    assert conversation.session_lost() == []


def test_the_answers_of_lost_sessions_are_forgotten_once_heard(conversation: Conversation) -> None:
    sizes = []
    for number in range(1, 2 * Transcript.MOST_TURNS):
        drive(conversation, *HELLO, *GREETING[:3])
        conversation.session_lost()
        conversation.heard(number, SECOND)
        resume(conversation)
        sizes.append(len(pickle.dumps(conversation)))
    assert sizes[-1] < sizes[Transcript.MOST_TURNS] + 100, "the transcript has reached its bound"


def test_the_old_answer_can_be_interrupted(conversation: Conversation) -> None:
    """Nothing is truncated: only what was heard is replayed to the next session."""
    drive(conversation, *HELLO, *GREETING)
    conversation.session_lost()
    assert resume(conversation) == REMEMBERED[:1]
    drive(conversation, SpeechStarted())
    assert conversation.generation == 1
    assert conversation.cut_settled(1, 1, SECOND * 6 // 10) == [
        AssistantSaid("Good morning, how"),
        AssistantDone("Good morning, how", " are you?", cut=True),
        Interrupted(600),
        AddMessage("assistant", "Good morning, how"),
    ]


def test_a_cut_that_the_loss_overtakes_is_settled(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING, SpeechStarted())
    conversation.session_lost()
    assert wordless(conversation.cut_settled(1, 1, SECOND * 6 // 10)) == [Interrupted(600)]
    assert resume(conversation) == [
        REMEMBERED[0],
        AddMessage("assistant", "Good morning, how"),
    ]


def test_an_answer_that_sounds_over_two_losses_is_replayed_once(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    for _ in range(2):
        conversation.session_lost()
        assert resume(conversation) == REMEMBERED[:1]
    conversation.session_lost()
    assert wordless(conversation.heard(1, SECOND)) == []
    assert resume(conversation) == REMEMBERED


def test_the_next_session_may_use_the_same_names(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    conversation.session_lost()
    resume(conversation)
    conversation.receive(ResponseCreated("r1"))
    played = conversation.receive(AudioDelta("r1", "i1", bytes(10)))
    assert played == [QueueAudio(2, 0, 0, bytes(10))]


def test_only_what_was_heard_is_remembered(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING, SpeechStarted())
    conversation.cut_settled(1, 1, SECOND * 6 // 10)
    conversation.session_lost()
    assert resume(conversation) == [
        REMEMBERED[0],
        AddMessage("assistant", "Good morning, how"),
    ]


def test_words_of_which_nothing_sounded_are_forgotten(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING[:2], SpeechStarted(), SpeechStopped("u2"))
    conversation.cut_settled(1, 0, 0)
    conversation.session_lost()
    assert resume(conversation) == [REMEMBERED[0], CreateResponse()]


def test_a_question_that_was_not_answered_is_answered(conversation: Conversation) -> None:
    drive(conversation, *HELLO)
    conversation.session_lost()
    assert not conversation.idle
    assert resume(conversation) == [REMEMBERED[0], CreateResponse()]
    assert not conversation.idle


def test_an_answer_without_sound_yet_is_given_anew(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING[:2])
    assert conversation.session_lost() == [AssistantDone("", "Good morning, ", cut=True)]
    assert resume(conversation) == [REMEMBERED[0], CreateResponse()]


def test_words_of_a_cancelled_answer_are_remembered_only_if_it_sounded(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO, *GREETING[:3], ResponseCreated("r2"), WordsDelta("r2", "Unspoken."))
    drive(conversation, ResponseDone("r2", "cancelled", "client_cancelled"))
    drive(conversation, ResponseDone("r1", "cancelled", "client_cancelled"))
    conversation.cut_settled(1, 1, SECOND)
    conversation.session_lost()
    assert resume(conversation) == [REMEMBERED[0], AddMessage("assistant", "Good morning,")]


def test_it_is_owed_until_a_session_can_pay(conversation: Conversation) -> None:
    drive(conversation, *HELLO)
    for _ in range(3):
        assert conversation.session_lost() == []
    assert resume(conversation) == [REMEMBERED[0], CreateResponse()]
    conversation.session_lost()
    assert resume(conversation) == [REMEMBERED[0], CreateResponse()]
    drive(conversation, *GREETING)
    conversation.heard(1, SECOND)
    conversation.session_lost()
    assert resume(conversation) == REMEMBERED


def test_a_request_that_was_not_sent_is_owed_by_the_next_session(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO)
    conversation.session_lost()
    (_, unsent) = conversation.session_resumed()
    conversation.session_lost()
    (_, request) = conversation.session_resumed()
    assert isinstance(unsent, CreateResponse)
    assert isinstance(request, CreateResponse)
    assert not conversation.release(unsent), "its session is gone"
    assert conversation.release(request)


def test_a_turn_that_gets_no_answer_is_not_owed_one(conversation: Conversation) -> None:
    drive(conversation, *HELLO)
    conversation.tick(0.0)
    conversation.tick(Floor.ANSWER_WITHIN_S)
    conversation.session_lost()
    assert resume(conversation) == [REMEMBERED[0]]


def test_nothing_is_asked_when_the_question_is_unknown(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING, SpeechStarted(), SpeechStopped("u2"))
    conversation.cut_settled(1, 1, SECOND)
    conversation.session_lost()
    assert resume(conversation) == REMEMBERED


def test_words_that_come_in_the_middle_of_the_answer_stand_before_it(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO[:2], *GREETING[:5], HELLO[2], *GREETING[5:])
    conversation.heard(1, SECOND)
    conversation.session_lost()
    assert resume(conversation) == REMEMBERED


def test_a_function_s_result_is_dropped_with_its_session(conversation: Conversation) -> None:
    drive(conversation, *HELLO, ResponseCreated("r1"))
    called = conversation.receive(FunctionCalled("r1", "c1", "clock", "{}"))
    assert called == [CallTool("c1", "clock", "{}")]
    assert conversation.session_lost() == [CancelTool("c1")]
    assert conversation.tool_returned("c1", "noon") == []
    assert resume(conversation) == [REMEMBERED[0], CreateResponse()]


def test_memory_is_bounded() -> None:
    transcript = Transcript()
    for number in range(3 * Transcript.MOST_TURNS):
        transcript.user_said(f"u{number}", f"{number}")
    assert [message.words for message in transcript.replay([])] == [
        str(number) for number in range(2 * Transcript.MOST_TURNS, 3 * Transcript.MOST_TURNS)
    ]


# The process dies: another one has only what was remembered, and what is in the playback ring


def go_on(conversation: Conversation, queued: QueuedEnd = NOTHING_QUEUED) -> Conversation:
    """Return the conversation of a new process."""
    memory = pickle.loads(pickle.dumps(conversation.memory()))  # noqa: S301 - as over the pipe
    successor = Conversation()
    successor.restore(memory, conversation.generation, queued)
    return successor


def test_a_new_process_remembers_what_was_said(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    conversation.heard(1, SECOND)
    assert resume(go_on(conversation)) == REMEMBERED


def test_an_answer_in_the_ring_is_told_when_it_has_been_heard(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=True))
    assert resume(successor) == REMEMBERED[:1]
    assert not successor.idle
    assert wordless(successor.heard(1, SECOND)) == [REMEMBERED[1], Ready()]


def test_an_answer_that_is_only_in_part_in_the_ring_ends_there(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    successor = Conversation()
    queued = QueuedEnd(1, 0, SECOND // 2, complete=False)
    assert successor.restore(conversation.memory(), 0, queued) == [EndItem(1, 0, SECOND // 2)]
    resume(successor)
    assert successor.heard(1, SECOND // 2)[:4] == [
        AssistantSaid("Good morning,"),
        AssistantDone("Good morning,", " how are you?", cut=True, broken_off=True),
        REST_MISSING,
        AddMessage("assistant", "Good morning,"),
    ]
    assert not successor.all_answered


def test_an_answer_that_was_being_made_breaks_off_with_its_process(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3])
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=False))
    assert successor.heard(1, SECOND)[1:3] == [BROKEN_OFF, REST_MISSING]
    assert REST_MISSING not in successor.heard(1, SECOND)


def test_an_answer_that_broke_off_with_its_session_does_so_in_a_new_process(
    conversation: Conversation,
) -> None:
    """Its end is marked in the ring, as that of a whole one."""
    drive(conversation, *HELLO, *TAKEN, *GREETING[:3])
    conversation.session_lost()
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=True))
    assert successor.heard(1, SECOND)[1:3] == [BROKEN_OFF, REST_MISSING]
    assert not successor.all_answered


def test_an_unknown_answer_lacks_its_rest_unless_its_end_was_queued(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO)
    for complete in (True, False):
        successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=complete))
        assert (REST_MISSING in successor.heard(1, SECOND)) is not complete


def test_an_interrupted_answer_lacks_nothing_in_a_new_process(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING[:3], SpeechStarted("u2"))
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=False))
    assert REST_MISSING not in successor.cut_settled(1, 1, SECOND // 2)
    assert REST_MISSING not in successor.heard(1, SECOND // 2)


def test_a_new_process_shows_each_word_once(conversation: Conversation) -> None:
    times = [WordTime("r1", "i1", w, ms) for w, ms in (("Good", 100), ("are", 700), ("you", 900))]
    drive(conversation, *HELLO, GREETING[0], *times, *GREETING[1:])
    assert conversation.heard(1, 101 * 24) == [AssistantSaid("Good")]
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=True))
    assert successor.memory().turns[-1].heard == len("Good")
    assert successor.heard(1, 701 * 24) == [AssistantSaid(" morning, how are")]
    assert successor.heard(1, 900 * 24) == []
    shown = [AssistantSaid(" you?"), AssistantDone("Good morning, how are you?")]
    assert successor.heard(1, SECOND)[:2] == shown


def test_an_answer_whose_rest_died_with_its_process_ends(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING[:3])
    assert conversation.heard(1, SECOND) == [AssistantSaid("Good morning,")]
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=False))
    assert successor.heard(1, SECOND)[0] == AssistantDone("Good morning,", " ", cut=True)


def test_an_answer_that_never_reached_the_ring_was_not_heard(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    assert resume(go_on(conversation)) == REMEMBERED[:1]


def test_ordinals_go_on_after_an_answer_that_was_not_remembered(
    conversation: Conversation,
) -> None:
    successor = go_on(conversation, QueuedEnd(7, 0, SECOND, complete=True))
    resume(successor)
    drive(successor, *HELLO)
    assert not successor.idle, "the unknown answer sounds"
    successor.receive(ResponseCreated("r2"))
    (action,) = successor.receive(AudioDelta("r2", "i2", bytes(2)))
    assert isinstance(action, QueueAudio)
    assert action.item == 8


def test_an_open_question_is_asked_again(conversation: Conversation) -> None:
    drive(conversation, *HELLO)
    (question, request) = resume(go_on(conversation))
    assert (question, type(request)) == (REMEMBERED[0], CreateResponse)


def test_a_turn_that_a_new_process_hears_again_is_not_asked_for(
    conversation: Conversation,
) -> None:
    """Not even for the turn before it, whose answer was cut before a word of it was heard."""
    drive(conversation, *HELLO, *GREETING, SpeechStarted("u2"))
    conversation.cut_settled(1, 1, 0)
    drive(conversation, SpeechStopped("u2"), TurnCommitted("u2"))
    successor = Conversation()
    successor.restore(conversation.memory(), 1, NOTHING_QUEUED, heard_again=True)
    assert resume(successor) == REMEMBERED[:1]


def test_an_answer_without_sound_is_asked_for_again(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING[:2])
    (question, request) = resume(go_on(conversation))
    assert (question, type(request)) == (REMEMBERED[0], CreateResponse)


def test_calls_under_way_are_cancelled_and_the_answer_is_owed(conversation: Conversation) -> None:
    drive(conversation, *HELLO, ResponseCreated("r1"), FunctionCalled("r1", "c1", "f", "{}"))
    successor = Conversation()
    assert successor.restore(conversation.memory(), 0, NOTHING_QUEUED) == [CancelTool("c1")]
    assert [type(action) for action in resume(successor)] == [AddMessage, CreateResponse]
    assert successor.tool_returned("c1", "late") == []


def test_a_cut_is_settled_by_the_new_process(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    drive(conversation, SpeechStarted())
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=True))
    assert successor.generation == 1
    resume(successor)
    actions = successor.cut_settled(1, 1, SECOND // 2)
    assert wordless(actions)[0] == Interrupted(500)
    assert AddMessage("assistant", "Good morning,") in actions


def test_a_cut_that_was_settled_is_not_settled_again(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING, SpeechStarted())
    conversation.cut_settled(1, 1, SECOND // 2)
    successor = go_on(conversation, QueuedEnd(1, 0, SECOND, complete=True))
    assert successor.cut_settled(1, 1, SECOND // 2) == []
    assert resume(successor) == [REMEMBERED[0], AddMessage("assistant", "Good morning,")]


def test_an_answer_that_has_begun_since_the_memory_is_not_asked_for_again(
    conversation: Conversation,
) -> None:
    drive(conversation, *HELLO, *GREETING[:2])
    assert resume(go_on(conversation, QueuedEnd(1, 0, SECOND, complete=False))) == REMEMBERED[:1]


def test_a_call_that_a_later_session_announces_again_is_answered_and_does_not_run(
    conversation: Conversation,
) -> None:
    call = FunctionCalled("r1", "c1", "f", "{}")
    drive(conversation, ResponseCreated("r1"), call)
    assert conversation.tool_returned("c1", "noon") == [SendToolResult("c1", "noon")]
    assert [type(action) for action in conversation.receive(call)] == [Trace]
    conversation.session_lost()
    resume(conversation)
    drive(conversation, ResponseCreated("r1"))
    assert conversation.receive(call) == [SendToolResult("c1", "noon")]
    assert [type(action) for action in conversation.receive(call)] == [Trace]
    (request,) = conversation.receive(ResponseDone("r1", "completed", ""))
    assert isinstance(request, CreateResponse)


def test_another_call_of_the_same_name_runs(conversation: Conversation) -> None:
    drive(conversation, ResponseCreated("r1"), FunctionCalled("r1", "c1", "f", "{}"))
    conversation.tool_returned("c1", "noon")
    conversation.session_lost()
    resume(conversation)
    drive(conversation, ResponseCreated("r1"))
    assert conversation.receive(FunctionCalled("r1", "c1", "f", '{"x":1}')) == [
        CallTool("c1", "f", '{"x":1}')
    ]


def test_a_turn_that_is_heard_again_is_not_asked_for(conversation: Conversation) -> None:
    drive(conversation, *HELLO)
    conversation.session_lost(heard_again=True)
    assert resume(conversation) == [AddMessage("user", "Hello.")]


def test_a_planned_change_is_not_felt(conversation: Conversation) -> None:
    drive(conversation, *HELLO, *GREETING)
    assert conversation.between_answers
    assert wordless(conversation.heard(1, SECOND)) == [Ready()]
    assert conversation.session_lost(planned=True) == []
    assert resume(conversation) == REMEMBERED
    assert conversation.heard(1, SECOND) == []
    drive(conversation, SpeechStarted())
    assert not conversation.between_answers
