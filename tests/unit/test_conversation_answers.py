"""Answers are played whole and in order, and what was heard of one that is cut is told exactly."""

import pytest

from pipeline.ipc.events import Interrupted, Listening, Processing, Ready, Trace
from pipeline.network.actions import (
    Action,
    CreateResponse,
    DeleteItem,
    EndItem,
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
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    Unhandled,
)
from tests.support.conversation import (
    MS,
    cancelled,
    completed,
    corrections,
    delta,
    drive,
    pcm,
    plays,
)

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


def test_nothing_is_corrected_without_an_interruption(answering: Conversation) -> None:
    assert not corrections(drive(answering, completed()) + answering.heard(1, 1_000 * MS))


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
    drive(conversation, delta(50, item="b"), completed())
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
