"""When the next session is opened, and when it takes over."""

import pytest

from pipeline.network.session_limit import Moment, SessionLimit


def limit(session_s: float = 100.0, expires_in_s: float | None = None) -> SessionLimit:
    limit = SessionLimit(session_s)
    limit.began(0.0, expires_in_s)
    return limit


def busy(now_s: float, *, between_answers: bool = False) -> Moment:
    return Moment(now_s, None, between_answers)


def test_nothing_is_due_before_a_session_has_begun() -> None:
    assert not SessionLimit(1.0).prepare_due(1_000.0)


@pytest.mark.parametrize(
    ("expires_in_s", "prepare_s"),
    [(None, 100.0), (1_000.0, 100.0), (57.5, 50.0), (0.0, 100.0), (-5.0, 100.0)],
)
def test_the_next_session_is_prepared_before_the_limit(
    expires_in_s: float | None, prepare_s: float
) -> None:
    """A service's limit that has passed already comes from a wrong clock."""
    tested = limit(expires_in_s=expires_in_s)
    assert not tested.prepare_due(prepare_s - 0.1)
    assert tested.prepare_due(prepare_s + 0.1)


def test_it_takes_over_when_all_has_been_at_rest_for_a_while() -> None:
    tested = limit()
    assert not tested.change_due(Moment(101.0, 100.5, between_answers=True))
    assert tested.change_due(Moment(101.6, 100.5, between_answers=True))


def test_later_it_takes_over_between_answers_and_at_last_at_any_moment() -> None:
    tested = limit()
    assert not tested.change_due(busy(107.0, between_answers=True))
    assert tested.change_due(busy(108.0, between_answers=True))
    assert not tested.change_due(busy(111.0))
    assert tested.change_due(busy(112.0))


def test_an_attempt_that_failed_is_repeated_later() -> None:
    tested = limit()
    tested.failed(101.0)
    assert not tested.prepare_due(105.0)
    assert tested.prepare_due(106.0)
