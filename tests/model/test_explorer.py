"""The explorer finds the textbook outcomes of weak memory."""

import pytest

from tests.model.explorer import Access, Thread, explore


def load(place: str, *, acquire: bool = False, at_least: int | None = None) -> Access:
    return Access(place, None, acquire, at_least)


def store(place: str, value: int, *, release: bool = False) -> Access:
    return Access(place, value, release)


def loaded(*threads: Thread) -> set[tuple[int, ...]]:
    """Return what the loads of all threads may find, each outcome in a row."""
    exploration = explore(*threads)
    assert not exploration.stuck
    rows = [[value for part in seen for value in part] for seen in exploration.outcomes]
    return {tuple(value for value in row if value is not None) for row in rows}


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("acquire", [False, True])
def test_a_message_passes_safely_only_with_release_and_acquire(
    release: bool, acquire: bool
) -> None:
    sender = [store("data", 1), store("flag", 1, release=release)]
    receiver = [load("flag", acquire=acquire, at_least=1), load("data")]
    assert loaded(sender, receiver) == ({(1,)} if release and acquire else {(0,), (1,)})


def test_a_store_may_become_visible_after_a_later_load_even_with_release_and_acquire() -> None:
    one = [store("x", 1, release=True), load("y", acquire=True)]
    other = [store("y", 1, release=True), load("x", acquire=True)]
    assert loaded(one, other) == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("release", [False, True])
def test_a_load_happens_after_a_later_store_unless_that_releases(release: bool) -> None:
    one = [load("y"), store("x", 1, release=release)]
    other = [load("x"), store("y", 1, release=release)]
    assert ((1, 1) in loaded(one, other)) is not release


def test_one_place_never_goes_back_in_time() -> None:
    found = loaded([store("x", 1), store("x", 2)], [load("x"), load("x")])
    assert found == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)}


def test_a_wait_without_end_is_found() -> None:
    exploration = explore([store("x", 1)], [load("x", at_least=2)])
    assert exploration.stuck == [((0, 0),)]
    assert not exploration.outcomes


def test_a_number_that_was_not_expected_is_a_fault() -> None:
    assert explore([store("x", 1)], [Access("x", expected=1)]).fault == ((1, 0),)
    assert explore([store("x", 1)], [load("x", at_least=1)._replace(expected=1)]).fault is None
