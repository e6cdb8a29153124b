"""When to try again, and when to give up."""

from pipeline.network.patience import Patience


def pauses_s(patience: Patience, now_s: float, each_try_s: float = 0.0) -> list[float]:
    """All pauses until it gives up, from a loss at `now_s` on."""
    pauses = []
    while (pause_s := patience.pause_s(now_s)) is not None:
        pauses.append(pause_s)
        now_s += pause_s + each_try_s
    return pauses


def test_the_first_try_is_at_once_and_pauses_grow() -> None:
    pauses = pauses_s(Patience(30), 100.0)
    assert pauses[:5] == [0, 0.25, 0.75, 1.75, 3.75]
    assert max(pauses) == Patience.LONGEST_PAUSE_S
    assert sum(pauses) < 30


def test_tries_count_too() -> None:
    assert pauses_s(Patience(30), 100.0, each_try_s=10.0) == [0, 0.25, 0.75]


def test_without_a_limit_s_time_it_is_given_up_at_once() -> None:
    assert pauses_s(Patience(0), 100.0) == []


def test_a_session_that_lasted_is_lost_anew() -> None:
    patience = Patience(5)
    assert pauses_s(patience, 100.0)
    patience.reached(200.0)
    assert patience.pause_s(200.0 + Patience.STEADY_S) == 0


def test_sessions_that_never_last_are_given_up() -> None:
    patience, now_s, losses = Patience(30), 100.0, 0
    patience.reached(now_s)
    while (pause_s := patience.pause_s(now_s + 1)) is not None:
        now_s += 1 + pause_s
        patience.reached(now_s)
        losses += 1
    assert 5 < losses < 15
