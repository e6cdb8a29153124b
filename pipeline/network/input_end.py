"""When a recorded input has been spoken and answered, so that the run can end."""

from pipeline.network.uplink import Uplink
from pipeline.shm.state import Position, SharedState


class InputEnd:
    """Waits for the end of the input, and then for the conversation to stay at rest.

    All times are seconds of ``time.monotonic``.
    """

    SETTLED_S = 2.0
    """Rest after which a recorded input counts as answered; longer than endpointing takes."""

    REPORTED_S = 1.0
    """Time after which the service has reported speech at the end of what it has heard."""

    UNANSWERED_S = 20.0
    """Silence of the service after which nothing more is expected of it."""

    def __init__(self, state: SharedState, uplink: Uplink, now_s: float) -> None:
        self._state = state
        self._uplink = uplink
        self._latest_event_s = now_s
        self._busy_s = now_s
        self._heard_s: float | None = None  # when a session has, or will have, heard the end

    def event_received(self, now_s: float) -> None:
        """The service has sent something."""
        self._latest_event_s = now_s

    def reached(self, now_s: float, *, connected: bool, idle: bool) -> bool:
        """Whether the input is over and the rest after it has lasted long enough.

        The end of a session is no reason to wait, if it has heard all.

        :param idle: whether nothing is to come, or to be heard.
        """
        heard = self._all_heard(now_s, connected=connected)
        idle = idle and not self._uplink.turn_open
        if not (heard and (idle or (connected and self._service_is_silent(now_s)))):
            self._busy_s = now_s
        return now_s - self._busy_s > self.SETTLED_S

    def _all_heard(self, now_s: float, *, connected: bool) -> bool:
        """Whether a session has heard the end of the input, and no other has to hear it again."""
        lost = not connected and not self._outlived_the_end()
        if lost or (self._uplink.turn_open and not self._uplink.drained):
            self._heard_s = None
        elif self._heard_s is None and connected and self._spoken():
            self._heard_s = max(now_s, self._uplink.processed_s)
        return self._heard_s is not None and now_s >= self._heard_s

    def _outlived_the_end(self) -> bool:
        """Whether the service was still alive when it would have told of speech at the end."""
        alive_s = max(self._latest_event_s, self._uplink.answered_s)
        return self._heard_s is not None and alive_s > self._heard_s + self.REPORTED_S

    def _spoken(self) -> bool:
        return self._state.capture.ended.load() == 1 and self._uplink.drained

    def _service_is_silent(self, now_s: float) -> bool:
        heard = Position.unpacked(self._state.playback.heard.load())
        handed = Position.unpacked(self._state.playback.handed.load())
        return heard == handed and now_s - self._latest_event_s > self.UNANSWERED_S
