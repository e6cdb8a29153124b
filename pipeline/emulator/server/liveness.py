"""Judge from what passes on a connection whether its client is still there."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may be silent. A dead one is gone within 30 s: `dead_s` and a check."""

    request_s: float = 30.0
    """From the TCP connection, or from the last refusal, to a complete request."""
    first_event_s: float = 60.0
    """From the handshake to the first event."""
    ping_s: float = 10.0
    """Silence after which a client is pinged."""
    dead_s: float = 25.0
    """Silence after which a client counts as dead."""

    @property
    def check_s(self) -> float:
        """Time between two checks."""
        return self.dead_s / 10


LIMITS = Limits()


class Liveness:
    """How long a client has given no sign of life.

    Signs are messages and pongs, and that the client takes what it is sent: a slow one may be far
    behind and reach a ping late. While the service itself does not read, because it is busy, pongs
    wait unread: then only a client that takes nothing counts as silent.
    """

    def __init__(
        self, limits: Limits = LIMITS, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._now_s = now_s
        self._sign_s = self._checked_s = now_s()
        self._taken_bytes = 0
        self._unsent_bytes = 0

    def note_sign(self) -> None:
        self._sign_s = self._now_s()

    def silent_s(self, *, reads: bool, given_bytes: int, unsent_bytes: int) -> float:
        """Return the time since the last sign of life. Call this every `Limits.check_s`.

        :param reads: whether the service reads what the client sends.
        :param given_bytes: all that was given to the socket so far.
        :param unsent_bytes: the part of it that waits because the client takes no more.
        """
        taken_bytes = given_bytes - unsent_bytes
        took_some = self._unsent_bytes > 0 and taken_bytes > self._taken_bytes
        could_be_seen = reads or unsent_bytes > 0
        if took_some or not could_be_seen or self._stood_still():
            self.note_sign()
        self._taken_bytes = taken_bytes
        self._unsent_bytes = unsent_bytes
        self._checked_s = self._now_s()
        return self._checked_s - self._sign_s

    def _stood_still(self) -> bool:
        """Whether this process itself did not run: then it cannot judge the client."""
        late_s = self._now_s() - self._checked_s - self._limits.check_s
        return late_s > self._limits.dead_s / 4
