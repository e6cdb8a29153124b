"""Real-time scheduling by rtkit, the service of Linux desktops that grants it to ordinary users.

Speaks D-Bus over a socket of its own, because jeepney's connection waits for ever for a bus that
takes the connection and then says nothing.
"""

import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

_log = logging.getLogger(__name__)

WAIT_S = 1.0
"""How long all answers together may take."""

_LONGEST_RUN_US = 200_000
"""The kernel ends a process whose real-time thread runs this long without a pause; rtkit promotes
only threads of processes that have set this limit."""

_LOGGED_CHARACTERS = 200


def promote_by_rtkit(thread_id: int) -> str | None:
    """Ask rtkit to promote a thread of this process, waiting up to `WAIT_S`; call it on any thread.

    Returns what was granted, in words. None if nothing was, for whatever reason, which is logged:
    there may be no rtkit, no bus, or a bus that refuses, closes or sends what is not D-Bus.
    """
    try:
        return _promote(thread_id)
    except Exception as error:  # noqa: BLE001 - a wish: a broken bus may cause any error
        reason = f"{type(error).__name__}: {error}"
        _log.info("rtkit grants nothing: %s", reason[:_LOGGED_CHARACTERS])
        return None


if sys.platform == "linux":
    import resource

    def _promote(thread_id: int) -> str | None:
        from jeepney import DBusAddress, Properties, message_bus, new_method_call

        rtkit = DBusAddress(
            "/org/freedesktop/RealtimeKit1",
            bus_name="org.freedesktop.RealtimeKit1",
            interface="org.freedesktop.RealtimeKit1",
        )
        with _system_bus() as bus:
            bus.call(message_bus.Hello())
            ((_, highest),) = bus.call(Properties(rtkit).get("MaxRealtimePriority"))
            priority = int(highest)
            _limit_run_time()
            bus.call(new_method_call(rtkit, "MakeThreadRealtime", "tu", (thread_id, priority)))
        return f"real-time priority {priority} (rtkit)"

    def _limit_run_time() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
        limit = _LONGEST_RUN_US if hard == resource.RLIM_INFINITY else min(hard, _LONGEST_RUN_US)
        resource.setrlimit(resource.RLIMIT_RTTIME, (limit, limit))

    @contextmanager
    def _system_bus() -> Iterator["_Bus"]:
        from jeepney.bus import get_bus

        with closing(socket.socket(socket.AF_UNIX)) as connection:
            bus = _Bus(connection, time.monotonic() + WAIT_S)
            bus.connect(get_bus("SYSTEM"))
            yield bus

else:

    def _promote(thread_id: int) -> str | None:  # noqa: ARG001 - there is no rtkit
        return None


class _Bus:
    """A D-Bus connection, all of whose waits end at one deadline.

    :raises TimeoutError: an answer is still missing then.
    """

    _CHUNK_BYTES = 4_096

    def __init__(self, connection: socket.socket, deadline_s: float) -> None:
        from jeepney import Parser

        self._socket = connection
        self._deadline_s = deadline_s
        self._parser = Parser()
        self._serials = count(1)

    def connect(self, address: str) -> None:
        """Connect and sign in as the user that this process belongs to."""
        from jeepney.auth import BEGIN, Authenticator

        self._before_deadline().connect(address)
        authenticator = Authenticator()
        for line in authenticator:
            self._before_deadline().sendall(line)
            authenticator.feed(self._received())
        self._before_deadline().sendall(BEGIN)

    def call(self, message: Any) -> Any:  # noqa: ANN401 - jeepney has no types
        """Send a method call and return the body of its reply; raise if that is an error."""
        from jeepney import HeaderFields
        from jeepney.wrappers import unwrap_msg

        serial = next(self._serials)
        self._before_deadline().sendall(message.serialise(serial=serial))
        while True:
            reply = self._parser.get_next_message()
            if reply is None:
                self._parser.add_data(self._received())
            elif reply.header.fields.get(HeaderFields.reply_serial) == serial:
                return unwrap_msg(reply)

    def _received(self) -> bytes:
        data = self._before_deadline().recv(self._CHUNK_BYTES)
        if not data:
            raise ConnectionResetError("the bus has closed the connection")
        return data

    def _before_deadline(self) -> socket.socket:
        """The socket, whose next operation ends at the deadline."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"no answer within {WAIT_S:g} s")
        self._socket.settimeout(left_s)
        return self._socket
