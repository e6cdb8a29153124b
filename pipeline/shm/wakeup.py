"""Wake the network process by one byte on a socketpair: about 20 µs, with any event loop.

The byte is sent after a frame is published, so a woken reader finds the frame. Bytes carry no
count: if the socket is full, a wake-up is already on its way.
"""

import socket
from contextlib import suppress
from typing import NamedTuple


class WakeSockets(NamedTuple):
    """The sending ends of a process that wakes others."""

    network: socket.socket
    ears: socket.socket | None = None


class WakeSender:
    """The sending end. `wake` never waits, so an audio callback may call it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock

    def wake(self) -> None:
        try:
            self._socket.send(b"\0")
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return  # a full buffer holds a byte already; a closed peer has no reader

    def close(self) -> None:
        self._socket.close()


class WakeReceiver:
    """The receiving end, for an event loop's ``add_reader`` on `fileno`, or for `wait`.

    :param timeout_s: how long `wait` waits at most: with an event loop 0, in the ears more.
    """

    _CHUNK_BYTES = 4_096

    def __init__(self, sock: socket.socket, timeout_s: float = 0.0) -> None:
        sock.settimeout(timeout_s)
        self._socket = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def wait(self) -> None:
        """Wait for a wake-up, at most `timeout_s`, and take it. Read the ring after this."""
        try:
            self._socket.recv(self._CHUNK_BYTES)
        except (TimeoutError, BlockingIOError, ConnectionResetError):
            return

    def clear(self) -> None:
        """Take every pending wake-up. Read the ring after this, never before.

        With a timeout it may wait as long as `wait`.
        """
        with suppress(TimeoutError, BlockingIOError, ConnectionResetError):
            while len(self._socket.recv(self._CHUNK_BYTES)) == self._CHUNK_BYTES:
                pass

    def close(self) -> None:
        self._socket.close()
