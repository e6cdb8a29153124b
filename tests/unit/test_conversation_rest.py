"""When the conversation is at rest, and when it says so."""

import pytest

from pipeline.ipc.events import Ready, Trace
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    ServiceError,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
)
from pipeline.network.floor import Floor
from tests.support.conversation import MS, cancelled, completed, delta, drive, plays


def test_ready_is_reported_once_when_everything_has_been_heard(answering: Conversation) -> None:
    drive(answering, AudioDone("r1", "i1"), completed())
    assert answering.heard(1, 999 * MS) == []
    assert answering.heard(1, 1_000 * MS) == [Ready()]
    assert answering.heard(1, 1_000 * MS) == []


def test_ready_waits_for_the_end_of_the_response(answering: Conversation) -> None:
    assert answering.heard(1, 1_000 * MS) == []
    drive(answering, completed())
    assert answering.heard(1, 1_000 * MS) == [Ready()]


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
