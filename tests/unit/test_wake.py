import select
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.shm.wake import Wakeable, Waker

Ends = tuple[Waker, Wakeable]


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = socket.socketpair()
    with closing(Waker(one)) as waker, closing(Wakeable(other)) as wakeable:
        yield waker, wakeable


def is_awake(wakeable: Wakeable) -> bool:
    return bool(select.select([wakeable], [], [], 0)[0])


def test_nobody_is_woken_without_a_wake(ends: Ends) -> None:
    assert not is_awake(ends[1])


@pytest.mark.parametrize("wakes", [1, 2, 4_095, 4_096, 4_097, 50_000])
def test_any_number_of_wakes_never_waits_and_is_cleared_at_once(ends: Ends, wakes: int) -> None:
    waker, wakeable = ends
    for _ in range(wakes):
        waker.wake()
    assert is_awake(wakeable)
    wakeable.clear()
    assert not is_awake(wakeable)


def test_more_bytes_than_are_received_at_once_are_cleared(ends: Ends) -> None:
    """Linux lets few wakes of one byte wait, other systems many."""
    waker, wakeable = ends
    waker._socket.send(bytes(2 * Wakeable._CHUNK_BYTES + 1))
    wakeable.clear()
    assert not is_awake(wakeable)


def test_it_can_be_woken_again_after_a_full_socket_was_cleared(ends: Ends) -> None:
    waker, wakeable = ends
    for _ in range(3):
        for _ in range(10_000):
            waker.wake()
        wakeable.clear()
        assert not is_awake(wakeable)
        waker.wake()
        assert is_awake(wakeable)
        wakeable.clear()


def test_clearing_without_a_wake_does_nothing(ends: Ends) -> None:
    ends[1].clear()
    assert not is_awake(ends[1])


def test_waking_whom_nobody_listens_to_is_harmless(ends: Ends) -> None:
    waker, wakeable = ends
    waker.wake()
    wakeable.close()
    for _ in range(3):
        waker.wake()


def test_clearing_after_the_last_waker_has_gone_is_harmless(ends: Ends) -> None:
    waker, wakeable = ends
    waker.wake()
    waker.close()
    for _ in range(3):
        wakeable.clear()


def test_clearing_after_the_waker_was_killed_is_harmless(ends: Ends) -> None:
    """A connection that was reset, as Windows does it; here by a byte that nobody received."""
    waker, wakeable = ends
    wakeable._socket.send(b"\0")
    waker.close()
    wakeable.clear()
