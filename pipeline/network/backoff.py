"""When to try again to reach a service that broke off, and when to give up."""


class ReconnectBackoff:
    """Pauses that grow, up to a limit in all.

    :param limit_s: how long to go on trying; 0: not at all.
    """

    STEADY_S = 10.0
    """A session that lasted so long was well: its loss is a new matter."""

    FIRST_PAUSE_S = 0.25
    LONGEST_PAUSE_S = 5.0

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._tries = 0
        self._since_s = 0.0
        self._connected_s: float | None = None

    def connected(self, now_s: float) -> None:
        """A session has come about."""
        self._connected_s = now_s

    def next_delay_s(self, now_s: float) -> float | None:
        """How long to wait after this loss or failure; None: give up."""
        lasted_s = 0.0 if self._connected_s is None else now_s - self._connected_s
        self._connected_s = None
        if not self._tries or lasted_s >= self.STEADY_S:
            self._tries, self._since_s = 0, now_s
        delay_s = min(self.FIRST_PAUSE_S * (2**self._tries - 1), self.LONGEST_PAUSE_S)
        self._tries += 1
        return delay_s if now_s + delay_s - self._since_s < self._limit_s else None
