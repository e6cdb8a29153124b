"""Wake-ups over a socketpair: never waiting, never lost."""

import select
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.shm.wakeup import WakeReceiver, WakeSender

Ends = tuple[WakeSender, WakeReceiver]

_LINGER = "hh" if sys.platform == "win32" else "ii"


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = socket.socketpair()
    with closing(WakeSender(one)) as wake_sender, closing(WakeReceiver(other)) as wake_receiver:
        yield wake_sender, wake_receiver


def is_awake(wake_receiver: WakeReceiver) -> bool:
    return bool(select.select([wake_receiver], [], [], 0)[0])


def test_a_receiver_is_not_woken_without_a_wake(ends: Ends) -> None:
    assert not is_awake(ends[1])


@pytest.mark.parametrize("wakes", [1, 2, 4_095, 4_096, 4_097, 50_000])
def test_any_number_of_wakes_is_sent_without_waiting_and_cleared_at_once(
    ends: Ends, wakes: int
) -> None:
    wake_sender, wake_receiver = ends
    for _ in range(wakes):
        wake_sender.wake()
    assert is_awake(wake_receiver)
    wake_receiver.clear()
    assert not is_awake(wake_receiver)


def test_more_bytes_than_are_received_at_once_are_cleared(ends: Ends) -> None:
    """Linux lets few wakes of one byte wait, other systems many."""
    wake_sender, wake_receiver = ends
    wake_sender._socket.send(bytes(2 * WakeReceiver._CHUNK_BYTES + 1))
    wake_receiver.clear()
    assert not is_awake(wake_receiver)


def test_a_receiver_with_a_timeout_is_cleared_when_no_more_comes() -> None:
    one, other = socket.socketpair()
    with closing(WakeSender(one)), closing(WakeReceiver(other, timeout_s=0.01)) as wake_receiver:
        one.send(bytes(WakeReceiver._CHUNK_BYTES))
        wake_receiver.clear()
        wake_receiver.clear()
        assert not is_awake(wake_receiver)


def test_a_receiver_is_woken_again_after_a_full_socket_was_cleared(ends: Ends) -> None:
    wake_sender, wake_receiver = ends
    for _ in range(3):
        for _ in range(10_000):
            wake_sender.wake()
        wake_receiver.clear()
        assert not is_awake(wake_receiver)
        wake_sender.wake()
        assert is_awake(wake_receiver)
        wake_receiver.clear()


def test_clearing_without_a_wake_does_nothing(ends: Ends) -> None:
    ends[1].clear()
    assert not is_awake(ends[1])


def test_waking_a_receiver_that_has_gone_does_nothing(ends: Ends) -> None:
    wake_sender, wake_receiver = ends
    wake_sender.wake()
    wake_receiver.close()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        wake_sender._socket.send(b"\0")
    for _ in range(3):
        wake_sender.wake()


def test_a_wake_is_one_byte(ends: Ends) -> None:
    wake_sender, wake_receiver = ends
    wake_sender.wake()
    assert len(wake_receiver._socket.recv(2)) == 1


def test_waking_over_a_connection_that_was_reset_is_harmless() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    with closing(WakeSender(one)) as wake_sender:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
        other.close()  # without lingering: it resets the connection
        for _ in range(3):
            wake_sender.wake()


def test_the_last_wake_of_a_sender_that_has_gone_is_cleared(ends: Ends) -> None:
    wake_sender, wake_receiver = ends
    wake_sender.wake()
    wake_sender.close()
    for _ in range(3):
        wake_receiver.clear()
    assert wake_receiver._socket.recv(1) == b"", "only the end of the stream is left"


def test_clearing_after_the_sender_was_killed_does_nothing(ends: Ends) -> None:
    """The connection is reset: on Windows by the kill, here by a byte that was never received."""
    wake_sender, wake_receiver = ends
    wake_receiver._socket.send(b"\0")
    wake_sender.close()
    wake_receiver.clear()
    assert wake_receiver._socket.recv(1) == b"", "clear took the reset"
