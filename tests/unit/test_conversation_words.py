"""The words of answers are shown as they are heard, also if they come late or in pieces."""

import pytest

from pipeline.ipc.events import AssistantDone, AssistantSaid, Interrupted, Ready, UserSaid
from pipeline.network.actions import AddMessage, Truncate
from pipeline.network.conversation import Conversation
from pipeline.network.events import (
    AudioDone,
    Event,
    ResponseCreated,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
    WordsDelta,
    WordsDone,
    WordTime,
)
from tests.support.conversation import MS, cancelled, completed, delta, drive, words_of

LATE = "Once upon a time there was a king."
LATE_HEARD = AssistantSaid("Once upon")


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


def test_the_words_of_a_cut_answer_end_and_stay_ended(answering: Conversation) -> None:
    drive(answering, WordsDelta("r1", "Once upon a "), SpeechStarted())
    drive(answering, WordsDelta("r1", "time "), WordsDone("r1"))
    shown = [AssistantSaid("Once upon"), AssistantDone("Once upon", " a ", cut=True)]
    settled = answering.cut_settled(1, 1, 600 * MS)
    assert settled == [Truncate("i1", 600), *shown, Interrupted(600)]
    assert drive(answering, WordsDelta("r1", "time "), WordsDone("r1")) == []
    assert answering.heard(1, 600 * MS) == []


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
    conversation: Conversation, events: list[Event], words: list[str]
) -> None:
    begun = [ResponseCreated("r1"), ResponseCreated("r2")]
    drive(conversation, *begun, *events, completed("r1"), completed("r2"))
    shown = words_of(conversation.heard(0, 0))
    assert shown == ["".join(words)] if len(words[0]) > 1 else words
    conversation.session_lost()
    told = [
        action.words for action in conversation.session_resumed() if isinstance(action, AddMessage)
    ]
    assert "".join(told) == "".join(words)
