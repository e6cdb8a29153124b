"""A service that is connected, owes an answer, and says nothing."""


class Silence:
    """Notices the service's silence, once each time. All times are seconds on one clock."""

    LONGEST_S = 10.0

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._noticed = False

    def event_received(self, now_s: float) -> None:
        self._since_s = now_s

    def begins_to_worry(self, now_s: float, *, owed: bool) -> bool:
        """Return, once, whether an answer is `owed` and nothing has come for too long."""
        if not owed:
            self._since_s = now_s
            self._noticed = False
        worries = owed and not self._noticed and now_s - self._since_s >= self.LONGEST_S
        self._noticed = self._noticed or worries
        return worries
