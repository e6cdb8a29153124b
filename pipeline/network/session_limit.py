"""When the next session is opened, and when it takes over; free of I/O.

The service ends a session at its limit. Before that, the next one is opened and takes over, at the
first moment at which that does no harm:

    began ─────────────── prepare ──────── between answers ──── anyway ── limit
                          takes over when      … no answer is      … whatever
                          all is at rest       being made          happens
"""

import math
from dataclasses import dataclass

QUIET_S = 1.0
"""Rest after which a session is changed. Speech that began before it has been reported."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is happening when a session might be changed."""

    now_s: float
    idle_since_s: float | None
    """Since when nobody has spoken and nothing has sounded; None while somebody or something
    does."""
    between_answers: bool
    """Whether the service is neither making an answer nor expected to make one: it has sent
    everything that still sounds."""

    @property
    def quiet(self) -> bool:
        return self.idle_since_s is not None and self.now_s - self.idle_since_s >= QUIET_S


class SessionLimit:
    """The limit of the current session.

    All times are seconds of ``time.monotonic``.

    :param session_s: when the next session is opened, unless the service's limit is near before.
    """

    SEARCH = 0.15
    """Time for a harmless moment, as a share of what a session lasts without it."""

    RETRY_S = 5.0
    """Pause after an attempt to open the next session has failed."""

    def __init__(self, session_s: float) -> None:
        self._session_s = session_s
        self._prepare_s = self._between_answers_s = self._anyway_s = math.inf

    @property
    def prepare_s(self) -> float:
        """When it is time to open the next session."""
        return self._prepare_s

    def began(self, now_s: float, expires_in_s: float | None) -> None:
        """A session has taken over, whose service ends it in `expires_in_s`, if that is known."""
        lasts_s = self._session_s * (1 + self.SEARCH)
        if expires_in_s is not None and expires_in_s > 0:
            lasts_s = min(lasts_s, expires_in_s)
        prepare_s = lasts_s / (1 + self.SEARCH)
        search_s = lasts_s - prepare_s
        self._prepare_s = now_s + prepare_s
        self._between_answers_s = self._prepare_s + search_s / 2
        self._anyway_s = self._prepare_s + search_s * 3 / 4

    def failed(self, now_s: float) -> None:
        """The next session could not be opened."""
        self._prepare_s = now_s + self.RETRY_S

    def prepare_due(self, now_s: float) -> bool:
        """Whether it is time to open the next session."""
        return now_s >= self.prepare_s

    def change_due(self, moment: Moment) -> bool:
        """Whether the next session, which is ready, is to take over at this moment."""
        return (
            moment.quiet
            or (moment.between_answers and moment.now_s >= self._between_answers_s)
            or moment.now_s >= self._anyway_s
        )
