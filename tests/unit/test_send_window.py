"""What is sent, kept and released, case by case; any order is tried in the model's test."""

import pytest

from pipeline.network.events import (
    AudioBufferCleared,
    AudioDelta,
    Event,
    ResponseCreated,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    Unhandled,
    UserTranscript,
)
from pipeline.network.send_window import BEFORE_TURN_SAMPLES, SendWindow

S = 24_000  # samples
FRAME = 1_200
WORDS = UserTranscript("Hello.", "u1")
ANSWER = (ResponseCreated("r1"), AudioDelta("r1", "i1", b""))


@pytest.fixture
def window() -> SendWindow:
    """Ten seconds, all of them sent as they were captured."""
    window = SendWindow()
    send(window, 10 * S)
    return window


def send(window: SendWindow, end: int, *, after_s: float = 0.0) -> None:
    """Send up to `end`, each frame when it is captured, or `after_s` later."""
    while window.sent < end:
        frame_end = (window.sent // FRAME + 1) * FRAME
        window.append(window.sent, frame_end, frame_end / S + after_s)


def receive(window: SendWindow, *events: Event) -> None:
    for event in events:
        window.receive(event)


def test_everything_is_kept_at_first(window: SendWindow) -> None:
    receive(window, Unhandled())
    assert (window.released, window.sent) == (0, 10 * S)
    window.end_session()
    assert window.sent == 0


def test_sound_without_speech_is_released_once_it_would_have_been_reported(
    window: SendWindow,
) -> None:
    window.release_reported(window.UNREPORTED_S + 0.1)
    assert window.released == FRAME
    window.release_reported(window.UNREPORTED_S + 5)
    assert 4 * S < window.released <= 5 * S


def test_sound_that_was_sent_late_is_released_late(window: SendWindow) -> None:
    window.end_session()
    send(window, 20 * S, after_s=30.0)
    window.release_reported(41.0)
    assert window.released <= 10 * S


def test_sound_that_was_sent_at_once_takes_the_service_its_time() -> None:
    window = SendWindow()
    window.append(0, 30 * S, 100.0)
    window.append(30 * S, 40 * S, 100.0)
    window.release_reported(100.0 + window.UNREPORTED_S)
    assert window.released == 0
    window.release_reported(100.0 + window.UNREPORTED_S + 40 / window.CATCH_UP_SPEED)
    assert window.released == 40 * S


def test_a_turn_is_kept_from_before_its_start(window: SendWindow) -> None:
    receive(window, SpeechStarted("u1", 4_000))
    window.release_reported(1_000.0)
    assert window.released == 4 * S - BEFORE_TURN_SAMPLES
    assert window.turn_open
    assert window.keeps_turn


@pytest.mark.parametrize("signs", [(WORDS,), ANSWER])
def test_a_turn_is_released_when_it_is_understood(
    window: SendWindow, signs: tuple[Event, ...]
) -> None:
    receive(window, SpeechStarted("u1", 4_000), SpeechStopped("u1", 8_000), TurnCommitted("u1"))
    assert not window.turn_open
    assert window.keeps_turn
    assert window.released < 4 * S
    receive(window, *signs)
    assert window.released == 8 * S
    assert not window.keeps_turn


@pytest.mark.parametrize(
    "event", [UserTranscript("", "u1"), UserTranscript("Hello.", "u0"), AudioDelta("r0", "i0", b"")]
)
def test_a_turn_is_not_released_by_what_does_not_show_it(window: SendWindow, event: Event) -> None:
    receive(window, ResponseCreated("r0"))
    receive(window, SpeechStarted("u1", 4_000), SpeechStopped("u1", 8_000), TurnCommitted("u1"))
    receive(window, event)
    assert window.keeps_turn


def test_the_next_session_begins_at_the_turn_s_end(window: SendWindow) -> None:
    """Inside a frame; positions of the next session count from there."""
    receive(window, SpeechStarted("u1", 1_000), SpeechStopped("u1", 4_010), TurnCommitted("u1"))
    receive(window, WORDS)
    window.end_session()
    begin = 4_010 * S // 1_000
    assert window.sent == begin
    send(window, 12 * S)
    receive(window, SpeechStarted("u2", 100), SpeechStopped("u2", 2_100), TurnCommitted("u2"))
    receive(window, UserTranscript("More.", "u2"))
    assert window.released == begin + 2_100 * S // 1_000


def test_whether_a_turn_is_heard_again_shows_in_two_numbers(window: SendWindow) -> None:
    assert window.latest_turn_start < 0
    receive(window, SpeechStarted("u1", 2_000))
    assert window.latest_turn_start == window.released, "it is kept"
    receive(window, SpeechStopped("u1", 3_000), TurnCommitted("u1"))
    assert window.latest_turn_start == window.released
    receive(window, WORDS)
    assert window.latest_turn_start < window.released
    receive(window, TurnCommitted(""))  # by a service that reports no speech
    assert window.latest_turn_start >= window.released


def test_two_turns_are_kept_apart(window: SendWindow) -> None:
    receive(window, SpeechStarted("u1", 1_000), SpeechStopped("u1", 4_000), TurnCommitted("u1"))
    receive(window, SpeechStarted("u2", 4_200))
    receive(window, WORDS)
    assert window.released == 4 * S
    assert window.turn_open


def test_marks_of_an_earlier_session_release_nothing(window: SendWindow) -> None:
    window.end_session()
    window.release_reported(1_000.0)
    assert window.released == 0


@pytest.mark.parametrize(
    "turn",
    [
        (TurnCommitted("u1"),),
        (SpeechStarted("u1"), SpeechStopped("u1"), TurnCommitted("u1")),
        (SpeechStarted("u1", 0), SpeechStopped("u1", 0), TurnCommitted("u1")),
        (SpeechStarted("x", 0), SpeechStopped("y", 0), TurnCommitted("u1")),
    ],
)
def test_a_turn_whose_place_is_not_stated_is_all_that_was_sent(
    window: SendWindow, turn: tuple[Event, ...]
) -> None:
    receive(window, *turn)
    window.append(10 * S, 11 * S, 11.0)
    assert window.released == 0
    assert window.keeps_turn
    assert not window.turn_open
    receive(window, WORDS)
    assert window.released == 10 * S


def test_a_cleared_buffer_is_released(window: SendWindow) -> None:
    receive(window, SpeechStarted("u1", 4_000), AudioBufferCleared())
    assert window.released == 10 * S
    assert not window.keeps_turn


def test_each_marked_turn_takes_its_own_commit() -> None:
    window = SendWindow()
    window.begin_turn(0)
    send(window, S)
    window.begin_turn(2 * S)
    send(window, 3 * S)
    receive(window, TurnCommitted("u1"), WORDS)
    assert window.released == 2 * S
    assert window.turn_open, "the second one"
    receive(window, TurnCommitted("u2"))
    assert not window.turn_open
    receive(window, UserTranscript("Words.", "u2"))
    assert window.released == 3 * S


def test_a_cleared_turn_leaves_the_next_one() -> None:
    window = SendWindow()
    window.begin_turn(0)
    send(window, FRAME)
    window.begin_turn(S)
    send(window, 2 * S)
    receive(window, AudioBufferCleared())
    assert window.released == S
    assert window.turn_open
    window.end_session()
    assert window.sent == S


def test_a_turn_without_an_answer_does_not_outlast_a_rest(window: SendWindow) -> None:
    receive(window, SpeechStarted("u1", 4_000), SpeechStopped("u1", 8_000), TurnCommitted("u1"))
    window.settle_committed()
    assert window.released == 8 * S


# The limit


def test_the_oldest_sound_is_given_up(window: SendWindow) -> None:
    window.limit(70 * S)
    assert (window.released, window.sent) == (10 * S, 10 * S)
    assert window.lost_samples == 0, "it was sent"
    window.limit(75 * S)
    assert window.released == 15 * S
    assert window.lost_samples == 5 * S


def test_sound_that_is_given_up_while_it_is_sent_counts_in_its_session(window: SendWindow) -> None:
    """The service places the next turn by all that it was sent."""
    window.limit(75 * S)
    window.append(10 * S, 10 * S + FRAME, 75.0)
    assert window.sent == 15 * S
    window.append(15 * S, 16 * S, 75.0)
    receive(window, SpeechStarted("u1", 10_050))
    receive(window, SpeechStopped("u1", 10_550), TurnCommitted("u1"), WORDS)
    assert window.released == 15 * S + S // 2


def test_a_turn_too_long_to_be_kept_is_lost_with_its_session(window: SendWindow) -> None:
    receive(window, SpeechStarted("u1", 500))
    send(window, 70 * S)
    window.limit(70 * S)
    assert window.lost_samples == 0, "the session has it"
    window.end_session()
    assert window.lost_samples == 10 * S


def test_sound_that_an_earlier_session_was_sent_is_not_lost(window: SendWindow) -> None:
    window.end_session()
    window.limit(65 * S)
    assert window.lost_samples == 0
    window.limit(71 * S)
    assert window.lost_samples == S
