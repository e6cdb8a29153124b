"""When to try again, and when to give up."""

from pipeline.network.backoff import ReconnectBackoff


def pauses_s(backoff: ReconnectBackoff, now_s: float, each_try_s: float = 0.0) -> list[float]:
    """All pauses until it gives up, from a loss at `now_s` on."""
    pauses = []
    while (delay_s := backoff.next_delay_s(now_s)) is not None:
        pauses.append(delay_s)
        now_s += delay_s + each_try_s
    return pauses


def test_the_first_try_is_at_once_and_pauses_grow() -> None:
    pauses = pauses_s(ReconnectBackoff(30), 100.0)
    assert pauses[:5] == [0, 0.25, 0.75, 1.75, 3.75]
    assert max(pauses) == ReconnectBackoff.LONGEST_PAUSE_S
    assert sum(pauses) < 30


def test_tries_count_too() -> None:
    assert pauses_s(ReconnectBackoff(30), 100.0, each_try_s=10.0) == [0, 0.25, 0.75]


def test_without_a_limit_s_time_it_is_given_up_at_once() -> None:
    assert pauses_s(ReconnectBackoff(0), 100.0) == []


def test_a_session_that_lasted_is_lost_anew() -> None:
    backoff = ReconnectBackoff(5)
    assert pauses_s(backoff, 100.0)
    backoff.connected(200.0)
    assert backoff.next_delay_s(200.0 + ReconnectBackoff.STEADY_S) == 0


def test_sessions_that_never_last_are_given_up() -> None:
    backoff, now_s, losses = ReconnectBackoff(30), 100.0, 0
    backoff.connected(now_s)
    while (delay_s := backoff.next_delay_s(now_s + 1)) is not None:
        now_s += 1 + delay_s
        backoff.connected(now_s)
        losses += 1
    assert 5 < losses < 15


def test_sessions_that_answer_are_never_given_up() -> None:
    backoff = ReconnectBackoff(30)
    for now_s in range(100):
        backoff.connected(now_s)
        backoff.answered()
        assert backoff.next_delay_s(now_s + 0.5) == 0


def test_the_service_s_own_wish_is_respected_up_to_the_limit() -> None:
    backoff = ReconnectBackoff(30)
    assert backoff.next_delay_s(100.0, 5.0) == 5.0
    assert backoff.next_delay_s(105.0, 3_600.0) == 25.0
    assert backoff.next_delay_s(130.0, 1.0) is None
    assert ReconnectBackoff(0).next_delay_s(100.0, 5.0) is None
