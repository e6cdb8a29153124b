"""Every race between user, service and loudspeaker, over the conversation that is free of I/O."""

import pickle

import pytest

from pipeline.ipc.commands import CancelTool
from pipeline.ipc.events import Interrupted, Listening, Notice, Ready, Trace
from pipeline.network.actions import (
    CancelResponse,
    DeleteItem,
    EndItem,
    Interrupt,
    QueueAudio,
    SendToolResult,
    Truncate,
)
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDone,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SpeechStarted,
    SpeechStopped,
    WordsDelta,
)
from tests.support.conversation import (
    MS,
    cancelled,
    completed,
    corrections,
    cuts,
    delta,
    drive,
    pcm,
    plays,
)

# Interruptions


def test_an_interruption_before_the_first_delta(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped(), ResponseCreated("r1"))
    assert drive(conversation, SpeechStarted()) == [Interrupt(1), Listening()]
    assert conversation.cut_settled(1, 0, 0) == []
    late = drive(conversation, delta(480), delta(480), AudioDone("r1", "i1"), cancelled())
    assert late == [DeleteItem("i1")]


def test_an_interruption_between_deltas(answering: Conversation) -> None:
    answering.heard(1, 400 * MS)
    assert drive(answering, SpeechStarted()) == [Interrupt(1), Listening()]
    assert drive(answering, delta(200 * MS)) == []
    settled = answering.cut_settled(1, 1, 410 * MS + 5)
    assert settled == [Truncate("i1", 410), Interrupted(410)]
    assert drive(answering, delta(200 * MS), AudioDone("r1", "i1"), cancelled()) == []


def test_an_interruption_in_the_middle_of_a_deltas_playback(answering: Conversation) -> None:
    drive(answering, AudioDone("r1", "i1"))
    assert drive(answering, SpeechStarted(), cancelled()) == [Interrupt(1), Listening()]
    settled = answering.cut_settled(1, 1, 123 * MS + 23)
    assert settled == [Truncate("i1", 123), Interrupted(123)]


def test_an_interruption_after_the_response_is_done_but_unheard(answering: Conversation) -> None:
    drive(answering, AudioDone("r1", "i1"), completed())
    answering.heard(1, 999 * MS)
    assert drive(answering, SpeechStarted()) == [Interrupt(1), Listening()]
    assert answering.cut_settled(1, 1, 999 * MS) == [Truncate("i1", 999), Interrupted(999)]


def test_speech_after_everything_was_heard_cuts_nothing(answering: Conversation) -> None:
    drive(answering, completed())
    answering.heard(1, 1_000 * MS)
    assert drive(answering, SpeechStarted()) == [Listening()]
    assert answering.generation == 0


def test_two_interruptions_in_a_row(answering: Conversation) -> None:
    first = drive(answering, SpeechStarted(), SpeechStopped())
    assert answering.cut_settled(1, 1, 100 * MS) == [Truncate("i1", 100), Interrupted(100)]
    drive(answering, cancelled(), ResponseCreated("r2"))
    played = drive(answering, delta(500 * MS, "r2", "i2"))
    second = drive(answering, SpeechStarted())
    assert answering.cut_settled(2, 2, 50 * MS) == [Truncate("i2", 50), Interrupted(50)]
    assert cuts(first + second) == [Interrupt(1), Interrupt(2)]
    assert [(p.item, p.generation) for p in plays(played)] == [(2, 1)]


def test_two_interruptions_before_the_first_is_settled(answering: Conversation) -> None:
    drive(answering, SpeechStarted(), SpeechStopped(), ResponseCreated("r2"))
    drive(answering, delta(500 * MS, "r2", "i2"), SpeechStarted())
    assert answering.generation == 2
    settled = answering.cut_settled(2, 1, 70 * MS)  # playback noticed both at once
    assert corrections(settled) == [Truncate("i1", 70), DeleteItem("i2")]


def test_the_first_of_two_cuts_unseen_never_counts_unheard_words_as_heard(
    answering: Conversation,
) -> None:
    """Playback cut r1 at 100 ms and sounded r2 before the network process looked at it."""
    answering.heard(1, 90 * MS)
    drive(answering, SpeechStarted(), SpeechStopped(), ResponseCreated("r2"))
    drive(answering, delta(500 * MS, "r2", "i2"), SpeechStarted())
    settled = answering.cut_settled(2, 2, 5 * MS)
    assert corrections(settled) == [Truncate("i1", 90), Truncate("i2", 5)]


def test_an_interruption_while_the_answer_is_being_created(conversation: Conversation) -> None:
    """The service cancels the response that it announces after `speech_started`."""
    drive(conversation, SpeechStarted(), SpeechStopped())
    assert drive(conversation, SpeechStarted()) == [Listening()]
    drive(conversation, ResponseCreated("r1"))
    assert plays(drive(conversation, delta(480)))
    assert cuts(drive(conversation, cancelled())) == [Interrupt(1)]
    assert corrections(conversation.cut_settled(1, 1, 48)) == [Truncate("i1", 2)]
    actions = drive(conversation, SpeechStopped(), ResponseCreated("r2"), delta(10, "r2", "i2"))
    assert plays(actions) == [QueueAudio(2, 1, 0, pcm(10))]


def test_late_deltas_before_the_cut_is_settled_are_unheard(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert drive(answering, delta(100 * MS), delta(100 * MS)) == []
    assert corrections(answering.cut_settled(1, 1, 1_000 * MS)) == [Truncate("i1", 1_000)]


def test_late_deltas_after_the_cut_is_settled_are_unheard(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert answering.cut_settled(1, 1, 1_000 * MS) == []  # all there was had been heard
    assert drive(answering, delta(100 * MS)) == [Truncate("i1", 1_000)]
    assert drive(answering, delta(100 * MS), AudioDone("r1", "i1"), cancelled()) == []


def test_a_late_item_of_an_old_answer_is_forgotten_at_once(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert drive(answering, delta(100 * MS, item="i2")) == [DeleteItem("i2")]
    assert drive(answering, delta(100 * MS, item="i2")) == []
    assert corrections(answering.cut_settled(1, 1, 24)) == [Truncate("i1", 1)]


def test_late_deltas_of_a_finished_response_are_dropped(answering: Conversation) -> None:
    drive(answering, SpeechStarted(), cancelled())
    assert [type(a) for a in drive(answering, delta(100 * MS))] == [Trace]


def test_late_deltas_among_those_of_the_next_answer(answering: Conversation) -> None:
    drive(answering, SpeechStarted(), SpeechStopped(), ResponseCreated("r2"))
    actions = drive(
        answering,
        delta(5, "r2", "i2"),
        delta(100 * MS),
        delta(5, "r2", "i2", first=5),
        cancelled("r1"),
        AudioDone("r2", "i2"),
    )
    assert plays(actions) == [QueueAudio(2, 1, 0, pcm(5)), QueueAudio(2, 1, 5, pcm(5, 5))]
    assert actions[-1] == EndItem(2, 1, 10)


def test_no_end_is_queued_for_a_cut_item(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert drive(answering, AudioDone("r1", "i1"), AudioDone("r1", "unknown")) == []


# What the service does of itself


def test_a_cancellation_without_speech_silences_the_answer(answering: Conversation) -> None:
    assert drive(answering, ResponseDone("r1", "cancelled", "client_cancelled")) == [Interrupt(1)]
    assert answering.cut_settled(1, 1, 40 * MS) == [Truncate("i1", 40), Interrupted(40), Ready()]


def test_a_cancellation_after_speech_started_cuts_no_second_time(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert drive(answering, cancelled()) == []


def test_a_cancelled_answer_without_audio_silences_no_other(answering: Conversation) -> None:
    drive(answering, ResponseCreated("r2"))
    assert not cuts(drive(answering, cancelled("r2")))
    assert plays(drive(answering, delta(5))) == [QueueAudio(1, 0, 1_000 * MS, pcm(5))]


def test_the_next_answer_survives_the_cancellation_of_the_one_before(
    answering: Conversation,
) -> None:
    drive(answering, ResponseCreated("r2"))
    assert drive(answering, cancelled("r1")) == [Interrupt(1)]
    assert plays(drive(answering, delta(5, "r2", "i2"))) == [QueueAudio(2, 1, 0, pcm(5))]
    assert corrections(answering.cut_settled(1, 1, 10 * MS)) == [Truncate("i1", 10)]


def test_two_answers_in_flight_play_one_after_the_other(answering: Conversation) -> None:
    actions = drive(
        answering,
        ResponseCreated("r2"),
        delta(5, "r2", "i2"),
        completed("r1"),
        completed("r2"),
    )
    assert plays(actions) == [QueueAudio(2, 0, 0, pcm(5))]
    answering.heard(1, 1_000 * MS)
    assert not answering.idle
    assert answering.heard(2, 5) == [Ready()]


def test_the_end_of_an_item_may_come_after_the_next_answer(answering: Conversation) -> None:
    drive(answering, ResponseCreated("r2"), delta(5, "r2", "i2"))
    assert drive(answering, AudioDone("r1", "i1")) == []  # positions never go back to r1
    assert drive(answering, AudioDone("r2", "i2")) == [EndItem(2, 0, 5)]
    drive(answering, completed("r1"), completed("r2"))
    assert answering.heard(2, 5) == [Ready()]


def test_two_answers_in_flight_are_cut_together(answering: Conversation) -> None:
    drive(answering, ResponseCreated("r2"), delta(500 * MS, "r2", "i2"))
    assert cuts(drive(answering, SpeechStarted())) == [Interrupt(1)]
    settled = answering.cut_settled(1, 2, 7 * MS)
    assert settled == [Truncate("i2", 7), Interrupted(1_007)]
    assert drive(answering, delta(5), delta(5, "r2", "i2")) == [Truncate("i1", 1_000)]


def test_late_deltas_of_the_first_of_two_cut_answers_were_not_heard(
    answering: Conversation,
) -> None:
    drive(answering, ResponseCreated("r2"), delta(500 * MS, "r2", "i2"), SpeechStarted())
    drive(answering, delta(100 * MS))
    settled = answering.cut_settled(1, 2, 7 * MS)
    assert corrections(settled) == [Truncate("i1", 1_000), Truncate("i2", 7)]


def test_a_response_created_while_the_user_speaks_is_played(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), ResponseCreated("r1"))
    assert plays(drive(conversation, delta(5))) == [QueueAudio(1, 0, 0, pcm(5))]
    drive(conversation, SpeechStopped(), completed())
    conversation.heard(1, 5)
    assert not conversation.idle  # the answer to what was said is still due


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_an_answer_that_breaks_off_is_reported_and_heard_to_its_end(
    answering: Conversation, status: str
) -> None:
    (notice,) = drive(answering, ResponseDone("r1", status, "content_filter"))
    assert isinstance(notice, Notice)
    assert status in notice.message
    assert "content_filter" in notice.message
    assert answering.heard(1, 1_000 * MS) == [Ready()]


def test_an_answer_that_breaks_off_without_a_reason_is_reported(answering: Conversation) -> None:
    (notice,) = drive(answering, ResponseDone("r1", "failed", ""))
    assert notice == Notice("The answer is failed: no reason given.")


def test_a_response_that_was_not_announced_is_not_played(conversation: Conversation) -> None:
    assert not plays(drive(conversation, delta(5), AudioDone("r1", "i1"), completed()))


# Without interruptions


def test_the_ears_barge_in_before_the_service_hears_it(answering: Conversation) -> None:
    assert answering.barge_in() == [Interrupt(1), CancelResponse("r1")]
    settled = answering.cut_settled(1, 1, 400 * MS)
    assert corrections(settled) == [Truncate("i1", 400)]
    late = drive(answering, delta(100 * MS), ResponseDone("r1", "cancelled", "client_cancelled"))
    assert not plays(late)
    assert drive(answering, SpeechStarted(known=True)) == [Listening()]
    asked = drive(answering, SpeechStopped(), ResponseCreated("r2"), delta(300, "r2", "i2"))
    assert plays(asked)[0].generation == 1
    assert answering.all_answered


def test_a_complete_answer_is_cut_and_not_cancelled(answering: Conversation) -> None:
    drive(answering, AudioDone("r1", "i1"), completed())
    assert answering.barge_in() == [Interrupt(1)]


def test_a_voice_that_the_ears_have_heard_spares_the_next_answer(answering: Conversation) -> None:
    answering.barge_in()
    answering.cut_settled(1, 1, 400 * MS)
    drive(answering, cancelled(), ResponseCreated("r2"), delta(300 * MS, "r2", "i2"))
    assert not cuts(drive(answering, SpeechStarted(known=True)))
    assert cuts(drive(answering, SpeechStarted())) == [Interrupt(2)]


def test_the_floor_is_not_taken_by_a_voice_that_the_service_never_hears(
    answering: Conversation,
) -> None:
    answering.barge_in()
    answering.cut_settled(1, 1, 400 * MS)
    drive(answering, cancelled())
    assert answering.idle
    assert answering.finished


def test_speech_silences_nothing_where_interruptions_are_off() -> None:
    conversation = Conversation(interrupt_response=False)
    drive(conversation, ResponseCreated("r1"), delta(100))
    assert drive(conversation, SpeechStarted()) == [Listening()]
    assert plays(drive(conversation, delta(5, first=100))) == [QueueAudio(1, 0, 100, pcm(5, 100))]


def test_a_cancellation_silences_even_where_interruptions_are_off() -> None:
    conversation = Conversation(interrupt_response=False)
    drive(conversation, ResponseCreated("r1"), delta(100))
    assert cuts(drive(conversation, cancelled())) == [Interrupt(1)]


# Errors


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("response_cancel_not_active", "Cancellation failed: no active response found"),
        ("missing_required_parameter", "Missing required parameter: 'session.type'."),
    ],
)
def test_a_benign_error_is_only_traced(conversation: Conversation, code: str, message: str) -> None:
    drive(conversation, SpeechStopped())
    assert drive(conversation, ServiceError(code, message)) == [
        Trace(f"benign error {code}: {message}")
    ]
    assert not conversation.idle


def test_an_error_is_reported_and_ends_the_wait(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped())
    (notice,) = drive(conversation, ServiceError("DeploymentNotFound", "No such model."))
    assert isinstance(notice, Notice)
    assert "DeploymentNotFound" in notice.message
    assert "No such model." in notice.message
    assert conversation.idle


def test_an_error_without_a_code_is_reported(conversation: Conversation) -> None:
    (notice,) = drive(conversation, ServiceError("", "Something."))
    assert notice == Notice("The service reports an error: Something.")


def test_the_conversation_goes_on_after_an_error(answering: Conversation) -> None:
    drive(answering, ServiceError("x", "y"))
    assert plays(drive(answering, delta(5)))


# Order and memory


def test_an_interruption_is_the_first_of_all_actions(answering: Conversation) -> None:
    """Nothing is done, not even reported, before the sound is cut."""
    drive(answering, WordsDelta("r1", "Once "), FunctionCalled("r1", "c1", "clock", "{}"))
    actions = drive(answering, SpeechStarted())
    assert actions[0] == Interrupt(1)
    assert set(map(type, actions[1:])) == {CancelTool, SendToolResult, Listening}


def test_memory_is_bounded_over_a_thousand_interruptions(conversation: Conversation) -> None:
    for n in range(1_000):
        response, item = f"r{n}", f"i{n}"
        drive(conversation, SpeechStarted(), SpeechStopped(), ResponseCreated(response))
        drive(conversation, delta(100, response, item), SpeechStarted())
        drive(conversation, delta(100, response, item), delta(10, response, f"late{n}"))
        conversation.cut_settled(n + 1, n + 1, 50)
        drive(conversation, cancelled(response))
        drive(conversation, delta(100, response, item))
        conversation.heard(n + 1, 50)
    assert conversation.generation == 1_000
    assert len(pickle.dumps(conversation)) < 5_000  # each item would take about 100 more
