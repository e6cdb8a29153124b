"""When to reconnect to a service that broke off, and when to give up."""


class ReconnectBackoff:
    """Delays that grow with each attempt, up to a total time.

    :param limit_s: how long to go on trying; 0: not at all.
    """

    STEADY_S = 30.0
    """A session that lasted this long was stable: its loss starts the delays anew."""

    FIRST_PAUSE_S = 0.25
    LONGEST_PAUSE_S = 5.0

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._tries = 0
        self._since_s = 0.0
        self._connected_s: float | None = None

    def connected(self, now_s: float) -> None:
        """A session has been opened."""
        self._connected_s = now_s

    def answered(self) -> None:
        """The session has been of use: its loss starts the delays anew, however short it was."""
        self._tries = 0

    def next_delay_s(self, now_s: float, asked_s: float = 0.0) -> float | None:
        """Return how long to wait after this loss or failure; None: give up.

        :param asked_s: how long the service asks to wait; not beyond the limit.
        """
        lasted_s = 0.0 if self._connected_s is None else now_s - self._connected_s
        self._connected_s = None
        if not self._tries or lasted_s >= self.STEADY_S:
            self._tries, self._since_s = 0, now_s
        delay_s = min(self.FIRST_PAUSE_S * (2**self._tries - 1), self.LONGEST_PAUSE_S)
        self._tries += 1
        left_s = self._since_s + self._limit_s - now_s
        return max(delay_s, min(asked_s, left_s)) if delay_s < left_s else None
