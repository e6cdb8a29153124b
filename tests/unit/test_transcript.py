"""What was said: turns in their order, words when they come, and what a new session is told."""

from pipeline.network.actions import AddMessage
from pipeline.network.transcript import Transcript, Turn


def told(transcript: Transcript, *unheard: Turn) -> list[tuple[str, str]]:
    return [as_pair(message) for message in transcript.replay(unheard)]


def as_pair(message: AddMessage) -> tuple[str, str]:
    return message.role, message.words


def answered(transcript: Transcript, words: str) -> Turn:
    turn = transcript.begin_assistant()
    turn.words = words
    return turn


def test_words_come_to_the_turn_that_they_belong_to() -> None:
    transcript = Transcript()
    transcript.begin_user("u1")
    transcript.begin_user("u2")
    answered(transcript, "Fine.")
    transcript.user_said("u2", "How are you?")
    transcript.user_said("u1", "Hello.")
    assert told(transcript) == [
        ("user", "Hello."),
        ("user", "How are you?"),
        ("assistant", "Fine."),
    ]


def test_words_of_a_turn_that_nothing_announced_are_the_users_latest() -> None:
    transcript = Transcript()
    answered(transcript, "Good morning.")
    transcript.user_said("u1", "Hello.")
    assert transcript.ends_with_user()
    assert told(transcript) == [("assistant", "Good morning."), ("user", "Hello.")]


def test_the_words_of_a_turn_come_once() -> None:
    transcript = Transcript()
    transcript.begin_user("u1")
    transcript.user_said("u1", "Hello.")
    transcript.user_said("u1", "Are you there?")
    assert told(transcript) == [("user", "Hello."), ("user", "Are you there?")]


def test_answers_that_still_sound_are_told_as_each_is_settled() -> None:
    transcript = Transcript()
    first, second = answered(transcript, "One."), answered(transcript, "Two.")
    assert told(transcript, first, second) == []
    assert [as_pair(m) for m in transcript.replay_heard([second])] == [("assistant", "One.")]
    assert transcript.withholds
    assert [as_pair(m) for m in transcript.replay_heard([])] == [("assistant", "Two.")]
    assert not transcript.withholds
    assert not list(transcript.replay_heard([]))


def test_a_session_that_is_gone_is_told_no_more() -> None:
    transcript = Transcript()
    turn = answered(transcript, "One.")
    assert told(transcript, turn) == []
    transcript.stop_replay()
    assert not list(transcript.replay_heard([]))
    assert told(transcript) == [("assistant", "One.")]
