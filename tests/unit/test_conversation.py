"""Every race between user, service and loudspeaker, over the conversation that is free of I/O."""

import pickle

import pytest

from pipeline.ipc.commands import CancelTool
from pipeline.ipc.events import (
    AssistantDone,
    AssistantSaid,
    Interrupted,
    Listening,
    Notice,
    Processing,
    Ready,
    Trace,
    UserSaid,
)
from pipeline.network.actions import (
    Action,
    AddMessage,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    EndItem,
    Interrupt,
    QueueAudio,
    SendToolResult,
    Truncate,
)
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDelta,
    AudioDone,
    Event,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    Unhandled,
    UserTranscript,
    WordsDelta,
    WordsDone,
    WordTime,
)
from pipeline.network.floor import Floor

MS = 24  # samples


def pcm(samples: int, first: int = 0) -> bytes:
    return b"".join((n % 32_768).to_bytes(2, "little") for n in range(first, first + samples))


def delta(samples: int, response: str = "r1", item: str = "i1", first: int = 0) -> AudioDelta:
    return AudioDelta(response, item, pcm(samples, first))


def words_of(actions: list[Action]) -> list[str]:
    return [action.text for action in actions if isinstance(action, AssistantSaid)]


def drive(conversation: Conversation, *events: Event) -> list[Action]:
    return [action for event in events for action in conversation.receive(event)]


def completed(response: str = "r1") -> ResponseDone:
    return ResponseDone(response, "completed", "")


def cancelled(response: str = "r1") -> ResponseDone:
    return ResponseDone(response, "cancelled", "turn_detected")


def plays(actions: list[Action]) -> list[QueueAudio]:
    return [action for action in actions if isinstance(action, QueueAudio)]


def cuts(actions: list[Action]) -> list[Interrupt]:
    return [action for action in actions if isinstance(action, Interrupt)]


def corrections(actions: list[Action]) -> list[Truncate | DeleteItem]:
    return [action for action in actions if isinstance(action, Truncate | DeleteItem)]


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


@pytest.fixture
def answering(conversation: Conversation) -> Conversation:
    """The user has asked; the answer r1 has sent 1000 ms of its item i1."""
    drive(conversation, SpeechStarted(), SpeechStopped(), ResponseCreated("r1"), delta(1_000 * MS))
    return conversation


# An answer without an interruption


def test_an_answer_is_played_whole_and_in_order(conversation: Conversation) -> None:
    actions = drive(
        conversation,
        SpeechStarted(),
        SpeechStopped(),
        ResponseCreated("r1"),
        delta(300),
        delta(200, first=300),
        AudioDone("r1", "i1"),
        completed(),
    )
    assert actions == [
        Listening(),
        Processing(),
        QueueAudio(1, 0, 0, pcm(300)),
        QueueAudio(1, 0, 300, pcm(200, 300)),
        EndItem(1, 0, 500),
    ]


def test_items_are_numbered_in_the_order_in_which_they_are_heard(
    conversation: Conversation,
) -> None:
    actions = drive(
        conversation,
        ResponseCreated("r1"),
        delta(10, item="a"),
        delta(10, item="b"),
        completed(),
        ResponseCreated("r2"),
        delta(10, "r2", "c"),
    )
    assert [play.item for play in plays(actions)] == [1, 2, 3]


def test_ready_is_reported_once_when_everything_has_been_heard(answering: Conversation) -> None:
    drive(answering, AudioDone("r1", "i1"), completed())
    assert answering.heard(1, 999 * MS) == []
    assert answering.heard(1, 1_000 * MS) == [Ready()]
    assert answering.heard(1, 1_000 * MS) == []


def test_ready_waits_for_the_end_of_the_response(answering: Conversation) -> None:
    assert answering.heard(1, 1_000 * MS) == []
    drive(answering, completed())
    assert answering.heard(1, 1_000 * MS) == [Ready()]


def test_nothing_is_corrected_without_an_interruption(answering: Conversation) -> None:
    assert not corrections(drive(answering, completed()) + answering.heard(1, 1_000 * MS))


def test_the_words_of_user_and_answer_are_reported(conversation: Conversation) -> None:
    actions = drive(
        conversation,
        UserTranscript("Hello."),
        ResponseCreated("r1"),
        WordsDelta("r1", "Hi "),
        WordsDelta("r1", "there."),
        WordsDone("r1"),
        WordsDone("r1"),
    )
    assert actions == [UserSaid("Hello.")]
    assert conversation.heard(0, 0) == [], "nothing has sounded"
    drive(conversation, delta(2_000 * MS), AudioDone("r1", "i1"), completed())
    assert conversation.heard(1, 1) == [AssistantSaid("Hi")]
    assert conversation.heard(1, 900 * MS) == [AssistantSaid(" there.")]
    assert conversation.heard(1, 2_000 * MS) == [AssistantDone("Hi there."), Ready()]


@pytest.mark.parametrize("event", [SessionCreated("s"), SessionUpdated(), Unhandled()])
def test_events_about_nothing_do_nothing(conversation: Conversation, event: Event) -> None:
    assert conversation.receive(event) == []


# Odd byte counts


@pytest.mark.parametrize("sizes", [[1] * 8, [3, 5], [1, 0, 6, 1], [7, 1], [0, 8]])
def test_samples_torn_between_deltas_are_put_together(
    conversation: Conversation, sizes: list[int]
) -> None:
    whole = pcm(4, first=1_000)
    drive(conversation, ResponseCreated("r1"))
    played, at = [], 0
    for size in sizes:
        played += plays(drive(conversation, AudioDelta("r1", "i1", whole[at : at + size])))
        at += size
    assert b"".join(play.pcm for play in played) == whole
    assert all(play.pcm for play in played)
    assert [play.offset_samples for play in played] == [
        sum(len(p.pcm) for p in played[:n]) // 2 for n in range(len(played))
    ]


def test_the_half_sample_of_one_item_never_reaches_another(conversation: Conversation) -> None:
    drive(conversation, ResponseCreated("r1"), AudioDelta("r1", "a", b"\1"))
    actions = drive(conversation, AudioDelta("r1", "b", b"\2\3"))
    assert [play.pcm for play in plays(actions)] == [b"\2\3"]


def test_audio_behind_another_item_s_is_dropped(conversation: Conversation) -> None:
    """What was heard is told by one position, which must not go back."""
    drive(conversation, ResponseCreated("r1"), delta(100, item="a"), delta(50, item="b"))
    assert [type(action) for action in drive(conversation, delta(100, item="a"))] == [Trace]
    drive(conversation, delta(50, item="b"), ResponseDone("r1", "completed", ""))
    conversation.heard(2, 100)
    assert conversation.idle


def test_a_response_whose_end_is_lost_is_not_waited_for(conversation: Conversation) -> None:
    call = FunctionCalled("r1", "c1", "f", "{}")
    drive(conversation, ResponseCreated("r1"), call)
    conversation.tick(1_000.0)
    assert conversation.tool_returned("c1", "noon") == [SendToolResult("c1", "noon")]
    assert not conversation.tick(1_030.0)
    *traces, request = conversation.tick(1_030.1)
    assert isinstance(request, CreateResponse)
    assert all(isinstance(trace, Trace) for trace in traces)
    assert plays(drive(conversation, delta(100))), "it goes on all the same"
    assert not conversation.tick(1_100.0)


def test_responses_whose_ends_are_lost_do_not_fill_the_memory(conversation: Conversation) -> None:
    drive(conversation, *(ResponseCreated(f"r{n}") for n in range(1_000)))
    assert not plays(drive(conversation, delta(1, "r0")))
    assert plays(drive(conversation, delta(1, "r999")))


def test_half_a_sample_at_the_end_is_neither_played_nor_waited_for(
    conversation: Conversation,
) -> None:
    actions = drive(
        conversation,
        ResponseCreated("r1"),
        AudioDelta("r1", "i1", pcm(5) + b"\1"),
        AudioDone("r1", "i1"),
        completed(),
    )
    assert actions == [QueueAudio(1, 0, 0, pcm(5)), EndItem(1, 0, 5)]
    conversation.heard(1, 5)
    assert conversation.idle


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


def test_the_words_of_a_cut_answer_end_and_stay_ended(answering: Conversation) -> None:
    drive(answering, WordsDelta("r1", "Once upon a "), SpeechStarted())
    drive(answering, WordsDelta("r1", "time "), WordsDone("r1"))
    shown = [AssistantSaid("Once upon"), AssistantDone("Once upon", " a ", cut=True)]
    settled = answering.cut_settled(1, 1, 600 * MS)
    assert settled == [Truncate("i1", 600), *shown, Interrupted(600)]
    assert drive(answering, WordsDelta("r1", "time "), WordsDone("r1")) == []
    assert answering.heard(1, 600 * MS) == []


LATE = "Once upon a time there was a king."
LATE_HEARD = AssistantSaid("Once upon")


def test_words_that_come_after_the_cut_are_shown_as_far_as_they_were_heard(
    answering: Conversation,
) -> None:
    drive(answering, SpeechStarted())
    assert answering.cut_settled(1, 1, 600 * MS) == [Truncate("i1", 600), Interrupted(600)]
    shown = drive(answering, WordsDelta("r1", LATE))
    assert shown == [LATE_HEARD, AssistantDone("Once upon", LATE[9:], cut=True)]
    assert drive(answering, WordsDelta("r1", " More."), WordsDone("r1"), cancelled()) == []


def test_words_that_come_before_the_cut_is_settled_wait_for_it(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert drive(answering, WordsDelta("r1", LATE[:5]), WordsDelta("r1", LATE[5:])) == []
    assert drive(answering, WordsDone("r1"), cancelled()) == []
    done = AssistantDone("Once upon", LATE[9:], cut=True)
    settled = answering.cut_settled(1, 1, 600 * MS)
    assert settled == [Truncate("i1", 600), LATE_HEARD, done, Interrupted(600)]


def test_late_words_wait_for_their_times_if_the_service_tells_them(
    answering: Conversation,
) -> None:
    words = "I shall tell you a story, and it is a long one."
    drive(answering, WordTime("r1", "i1", "I", 0), WordsDelta("r1", words), WordsDone("r1"))
    drive(answering, AudioDone("r1", "i1"), completed())
    answering.heard(1, 1_000 * MS)
    drive(answering, SpeechStarted(), SpeechStopped(), ResponseCreated("r2"))
    drive(answering, delta(1_000 * MS, "r2", "i2"), SpeechStarted())
    answering.cut_settled(1, 2, 600 * MS)
    assert drive(answering, WordsDelta("r2", LATE), WordsDone("r2")) == []
    assert drive(answering, WordTime("r2", "i2", "Once", 100)) == [AssistantSaid("Once")]
    assert drive(answering, WordTime("r2", "i2", "upon", 400)) == [AssistantSaid(" upon")]
    done = AssistantDone("Once upon", LATE[9:], cut=True)
    assert drive(answering, WordTime("r2", "i2", "a", 700)) == [done]


def test_late_words_in_pieces_end_with_the_response(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    answering.cut_settled(1, 1, 600 * MS)
    assert drive(answering, WordsDelta("r1", "Once ")) == [AssistantSaid("Once")]
    shown = [AssistantSaid(" upon"), AssistantDone("Once upon", cut=True)]
    assert drive(answering, WordsDelta("r1", "upon")) == shown[:1]
    assert drive(answering, cancelled()) == shown[1:]


def test_late_words_come_before_those_of_the_next_answer(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    answering.cut_settled(1, 1, 600 * MS)
    drive(answering, SpeechStopped(), ResponseCreated("r2"), WordsDelta("r2", "Well."))
    drive(answering, delta(100 * MS, "r2", "i2"))
    assert words_of(drive(answering, WordsDelta("r1", LATE))) == ["Once upon"]
    assert words_of(answering.heard(2, 50 * MS)) == ["Well."]


def test_late_words_are_waited_for_a_second_and_no_longer(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    answering.cut_settled(1, 1, 600 * MS)
    assert answering.tick(10.0) == answering.tick(10.9) == answering.tick(11.1) == []
    assert drive(answering, WordsDelta("r1", LATE)) == []


def test_words_of_an_answer_that_never_sounded_are_not_waited_for(
    answering: Conversation,
) -> None:
    drive(answering, SpeechStarted())
    answering.cut_settled(1, 1, 0)
    assert drive(answering, WordsDelta("r1", LATE)) == []


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


# Idle


@pytest.mark.parametrize(
    ("events", "idle"),
    [
        ([], True),
        ([SpeechStarted()], False),
        ([SpeechStarted(), SpeechStopped()], False),
        ([SpeechStarted(), SpeechStopped(), ResponseCreated("r1")], False),
        ([ResponseCreated("r1"), completed()], True),
        ([ResponseCreated("r1"), delta(5)], False),
        ([ResponseCreated("r1"), delta(5), completed()], False),
        ([ResponseCreated("r1"), delta(5), completed(), SpeechStarted(), SpeechStopped()], False),
        ([ResponseCreated("r1"), ResponseCreated("r2"), completed("r2")], False),
        ([ResponseCreated("r1"), ResponseDone("r1", "failed", "")], True),
    ],
)
def test_idle(conversation: Conversation, events: list[Event], idle: bool) -> None:
    drive(conversation, *events)
    assert conversation.idle is idle


def test_idle_waits_until_a_cut_is_settled(answering: Conversation) -> None:
    drive(answering, cancelled())
    assert not answering.idle
    answering.cut_settled(1, 1, 10)
    assert answering.idle


def test_ready_is_reported_after_speech_that_gets_an_error(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped(), ServiceError("x", "y"))
    assert conversation.heard(0, 0) == [Ready()]


def test_ready_is_not_reported_before_anything_has_happened(conversation: Conversation) -> None:
    assert conversation.idle
    assert conversation.heard(0, 0) == []
    assert conversation.tick(0.0) == []


# Turns without an answer


def test_a_turn_without_an_answer_comes_to_rest(conversation: Conversation) -> None:
    """A filler word, or a service that is set to create no responses."""
    drive(conversation, SpeechStarted(), SpeechStopped())
    assert conversation.tick(100.0) == []
    assert conversation.tick(100.0 + Floor.ANSWER_WITHIN_S - 0.01) == []
    assert not conversation.idle
    trace, ready = conversation.tick(100.0 + Floor.ANSWER_WITHIN_S)
    assert isinstance(trace, Trace)
    assert ready == Ready()
    assert conversation.idle
    assert conversation.tick(200.0) == []


def test_a_transcription_restarts_the_wait_for_an_answer(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped())
    conversation.tick(0.0)
    drive(conversation, UserTranscript("Well."))
    assert conversation.tick(Floor.ANSWER_WITHIN_S) == []
    assert Ready() in conversation.tick(2 * Floor.ANSWER_WITHIN_S)


def test_the_next_turn_waits_from_its_own_end(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped())
    conversation.tick(0.0)
    drive(conversation, SpeechStarted())
    assert conversation.tick(10 * Floor.ANSWER_WITHIN_S) == [], "a user may speak for long"
    drive(conversation, SpeechStopped())
    assert conversation.tick(20 * Floor.ANSWER_WITHIN_S) == []
    assert Ready() in conversation.tick(21 * Floor.ANSWER_WITHIN_S)


def test_an_answer_that_begins_late_is_played_nevertheless(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped())
    conversation.tick(0.0)
    assert Ready() in conversation.tick(Floor.ANSWER_WITHIN_S)
    assert plays(drive(conversation, ResponseCreated("r1"), delta(5), completed()))
    assert conversation.heard(1, 5) == [Ready()]


def test_an_answer_that_has_begun_may_take_its_time(conversation: Conversation) -> None:
    drive(conversation, SpeechStarted(), SpeechStopped())
    conversation.tick(0.0)
    drive(conversation, ResponseCreated("r1"))
    assert conversation.tick(10 * Floor.ANSWER_WITHIN_S) == []
    assert not conversation.idle


# Truncation


@pytest.mark.parametrize(
    ("heard_samples", "expected"),
    [
        (0, [DeleteItem("i1"), Interrupted(0)]),
        (23, [DeleteItem("i1"), Interrupted(0)]),
        (24, [Truncate("i1", 1), Interrupted(1)]),
        (999 * MS + 23, [Truncate("i1", 999), Interrupted(999)]),
        (1_000 * MS - 1, [Truncate("i1", 999), Interrupted(999)]),
        (1_000 * MS, []),
        (2_000 * MS, []),
    ],
)
def test_truncation_is_exact(
    answering: Conversation, heard_samples: int, expected: list[Action]
) -> None:
    drive(answering, SpeechStarted())
    assert answering.cut_settled(1, 1, heard_samples) == expected


def test_a_cut_is_settled_once(answering: Conversation) -> None:
    drive(answering, SpeechStarted())
    assert corrections(answering.cut_settled(1, 1, 10 * MS))
    assert not corrections(answering.cut_settled(1, 1, 5 * MS))


def test_an_item_heard_in_an_earlier_turn_is_not_touched(answering: Conversation) -> None:
    drive(answering, completed())
    answering.heard(1, 1_000 * MS)
    drive(answering, ResponseCreated("r2"), delta(100 * MS, "r2", "i2"), SpeechStarted())
    assert corrections(answering.cut_settled(1, 2, 24)) == [Truncate("i2", 1)]


def test_the_second_item_of_an_answer_is_forgotten_if_only_the_first_was_heard(
    answering: Conversation,
) -> None:
    drive(answering, delta(100 * MS, item="i2"), SpeechStarted())
    settled = answering.cut_settled(1, 1, 600 * MS)
    assert settled == [Truncate("i1", 600), DeleteItem("i2"), Interrupted(600)]


def test_positions_of_the_old_answer_after_the_cut_change_nothing(
    answering: Conversation,
) -> None:
    drive(answering, SpeechStarted())
    answering.cut_settled(1, 1, 10 * MS)
    drive(answering, SpeechStopped(), cancelled(), ResponseCreated("r2"))
    drive(answering, delta(24, "r2", "i2"), completed("r2"))
    assert answering.heard(1, 8 * MS) == []
    assert answering.heard(2, 24) == [Ready()]


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


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([WordsDelta("r1", "Hi \ud83d"), WordsDelta("r1", "\ude00")], ["Hi ", "\U0001f600"]),
        ([WordsDelta("r1", "Hi \ud83d"), WordsDone("r1")], ["Hi ", "\ufffd"]),
        ([WordsDelta("r1", "Hi \ud83d")], ["Hi ", "\ufffd"]),
        ([WordsDelta("r1", "\ud83d"), WordsDelta("r2", "\ude00")], ["\ufffd", "\ufffd"]),
    ],
)
def test_halves_of_a_character_are_joined_or_replaced(
    events: list[Event], words: list[str]
) -> None:
    conversation = Conversation()
    begun = [ResponseCreated("r1"), ResponseCreated("r2")]
    ended = [ResponseDone("r1", "completed", ""), ResponseDone("r2", "completed", "")]
    drive(conversation, *begun, *events, *ended)
    shown = words_of(conversation.heard(0, 0))
    assert shown == ["".join(words)] if len(words[0]) > 1 else words
    conversation.session_lost()
    told = [
        action.words for action in conversation.session_resumed() if isinstance(action, AddMessage)
    ]
    assert "".join(told) == "".join(words)
